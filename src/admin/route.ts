/**
 * What a route of the management API declares. Dispatch, the OpenAPI document, the reference page
 * and `mailferry ctl` are all made from these declarations and from nothing else.
 */
import { z } from "zod";
import type { Role } from "../config/tokens.ts";
import type { ControlCode, ControlPlane } from "../control/api.ts";
import type { RequestBody } from "./body.ts";
import type { AuditLog, ChangeDetail } from "../control/audit_log.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One parameter, of the path where `{its name}` stands in it, of a header, else of the query. */
export interface Parameter {
  readonly schema: z.ZodType;
  readonly required: boolean;
  readonly summary: string;
  /** Names an account, so that audit lines carry it shortened. */
  readonly account?: true;
  /** The request's header that has it. */
  readonly header?: string;
}

export type Parameters = Readonly<Record<string, Parameter>>;

/** The parameters of a call after validation; optional ones may be undefined. */
export type Values<P extends Parameters> = {
  readonly [K in keyof P]:
    | z.output<P[K]["schema"]>
    | (P[K]["required"] extends true ? never : undefined);
};

/** What a handler is given. */
export interface Call<P extends Parameters = Parameters> {
  readonly control: ControlPlane;
  readonly request: Request;
  readonly values: Values<P>;
  readonly routes: readonly Route[];
  /** Empty where the route declares none. */
  readonly body: RequestBody;
  readonly audit: Pick<AuditLog, "latest">;
  /** Aborted when the server closes: what would take as long as a client likes ends then. */
  readonly closing: AbortSignal;
  /** Who asks, for what is kept of the call: the name of a token. */
  readonly by: string;
  /** How an account appears where its name is not to be seen. */
  readonly shorten: (identifier: string) => string;
  /** What the audit line of this call has besides its parameters, and how it ended in a word. */
  note(detail: ChangeDetail & CallDetail): void;
  /** One of the route's `outcomes` in place of 200. */
  setStatus(status: number): void;
  /** A header of the answer, which the route declares. */
  setHeader(name: string, value: string): void;
}

/** What a handler adds to the audit line of a call. */
export interface CallDetail {
  /** What the body asked for, accounts shortened. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly result?: string;
}

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
  : T;

/** What a handler answers: the declared response. */
export type Answered<S extends z.ZodType> = DeepReadonly<z.input<S>>;

/** How a ControlError is answered where that differs from `defaultRefusals`. */
export interface Refusal {
  readonly status: number;
  readonly summary: string;
  /** The body, where scripts rely on its text; else the error's own message. */
  readonly text?: string;
}

/** Where nothing else is declared. */
export const defaultRefusals: Readonly<Record<ControlCode, Refusal>> = {
  invalid: { status: 400, summary: "A parameter is not acceptable" },
  unknown: { status: 404, summary: "There is no such object" },
  "read-only": { status: 501, summary: "The mapping store is read-only" },
  failed: { status: 500, summary: "It was tried and failed; nothing changed" },
  conflict: { status: 409, summary: "In conflict with what is there" },
  stale: { status: 412, summary: "It was changed meanwhile: read it again" },
};

/** What a request carries. */
export interface BodyDeclaration {
  readonly summary: string;
  /** The content types that are taken; the first where the request names none. */
  readonly types: readonly [string, ...string[]];
  /** What JSON has to look like; the handler finds it as `value`. */
  readonly schema?: z.ZodType;
  /** Of any size, and with any content type: the handler judges that, and reads it while it comes. */
  readonly streamed?: true;
}

/** What a command takes in place of a file with the body. */
export interface ComposedParameter {
  readonly required: boolean;
  readonly summary: string;
  /** Takes no value. */
  readonly flag?: true;
  /** May be given more than once. */
  readonly repeated?: true;
}

/** The words of a command by the names of its parameters. */
export interface CommandWords {
  readonly values: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  /** A file, or standard input for `-`. */
  read(path: string): Promise<string>;
}

export interface RouteDeclaration<P extends Parameters, S extends z.ZodType> {
  readonly method: Method;
  /** `{name}` stands for one segment, a required parameter; `{name...}` for all that follow. */
  readonly path: `/${string}`;
  readonly summary: string;
  /** Sentences for the reference page, where the summary does not say enough. */
  readonly description?: string;
  /** `public`: no token, also during a lockout. */
  readonly role: Role | "public";
  readonly parameters: P;
  /** What the request carries, where it carries anything. */
  readonly body?: BodyDeclaration;
  /** Changes nothing although the method is not GET. */
  readonly safe?: true;
  /**
   * `text`: one line, sent with a newline; `typed`: a body with a content type of its own; `stream`: the
   * same, of any size.
   */
  readonly form: "text" | "json" | "typed" | "stream";
  /** For `typed` made by `typedResponse`, for `stream` by `streamedResponse`. */
  readonly response: S;
  /** Statuses other than 200 with an answer of the same form. */
  readonly outcomes?: Readonly<Record<number, string>>;
  /** Headers of the answer that mean something, with their meaning. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Which errors of the control plane can occur here, and how they are answered. */
  readonly refusals: Partial<Record<ControlCode, Refusal>>;
  /** Other error answers of the handler, by status. */
  readonly failures?: Readonly<Record<number, string>>;
  readonly cli: {
    readonly verb: readonly string[];
    /** Parameters given by position, and `file` for the body or what it is made of; the others are options. */
    readonly positional: readonly string[];
    /** The answer is a document, which is printed as JSON. */
    readonly document?: true;
    /** The body is made of words rather than read from a file. */
    readonly compose?: {
      readonly parameters: Readonly<Record<string, ComposedParameter>>;
      body(words: CommandWords): Promise<string>;
    };
  };
  handle(call: Call<P>): Answered<S> | Promise<Answered<S>>;
}

export type Route = RouteDeclaration<Parameters, z.ZodType>;

/** The response of a `typed` route, which is sent as one of these content types. */
export function typedResponse<const T extends readonly [string, ...string[]]>(
  types: T,
) {
  return z.strictObject({ type: z.enum(types), body: z.string() });
}

/** The response of a `stream` route. What the stream fails with cuts the answer short. */
export function streamedResponse<
  const T extends readonly [string, ...string[]],
>(types: T) {
  return z.strictObject({
    type: z.enum(types),
    body: z.instanceof(ReadableStream<Uint8Array>),
  });
}

/** The content types that a route may answer with. */
export function contentTypes({ form, response }: Route): readonly string[] {
  if (form === "json") return ["application/json"];
  if (form === "text") return ["text/plain"];
  return (response as ReturnType<typeof typedResponse>).shape.type.options;
}

/** Declares a route with the types of its parameters and response tied to its handler. */
export function route<const P extends Parameters, S extends z.ZodType>(
  declaration: RouteDeclaration<P, S>,
): Route {
  // Dispatch validates `values` against this very declaration before it calls the handler.
  return declaration as unknown as Route;
}

/** True for a route that changes something and therefore leaves an audit line. */
export function changes(route: Pick<Route, "method" | "safe">): boolean {
  return route.method !== "GET" && !route.safe;
}

/** An answer other than the declared one; `message` is its body. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}
