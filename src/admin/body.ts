/** The body of a request, bounded and as text. */
import { Buffer } from "node:buffer";
import { AdminError, type BodyDeclaration } from "./route.ts";

/** A configuration is never larger. */
export const BODY_LIMIT = 16 * 1024 * 1024;

export interface RequestBody {
  /** Without its parameters; one of the declared types, unless the body is streamed. */
  readonly type: string;
  readonly text: string;
  /** What the text is as JSON, where the route declares a schema: in the form of that. */
  readonly value: unknown;
  /** Of a route that declares a streamed body. */
  readonly stream: ReadableStream<Uint8Array> | null;
}

const NOTHING: RequestBody = {
  type: "",
  text: "",
  value: undefined,
  stream: null,
};

/**
 * Reads what a route declares. AdminError 415 for another content type, 413 for what is larger than
 * BODY_LIMIT, of which no more than that is kept, 400 for what is not UTF-8 or not as declared.
 */
export async function readBody(
  request: Request,
  declared: BodyDeclaration | undefined,
): Promise<RequestBody> {
  if (declared === undefined) return NOTHING;
  const type = (request.headers.get("content-type") ?? declared.types[0])
    .split(";", 1)[0]!.trim().toLowerCase();
  if (declared.streamed) return { ...NOTHING, type, stream: request.body };
  if (!declared.types.includes(type)) throw unsupported(declared);
  const bytes = await readBounded(request);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AdminError(400, "the body is not UTF-8");
  }
  return { ...NOTHING, type, text, value: valueOf(text, declared) };
}

/** For a content type that is not taken. */
export function unsupported({ types }: BodyDeclaration): AdminError {
  const list = types.join(", ");
  return new AdminError(
    415,
    `unsupported content type: must be ${
      types.length > 1 ? "one of " : ""
    }${list}`,
    { accept: list },
  );
}

function valueOf(text: string, { schema }: BodyDeclaration): unknown {
  if (schema === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AdminError(400, "the body is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  const place = path.length === 0 ? "" : `${path.join(".")}: `;
  throw new AdminError(400, `the body: ${place}${message}`);
}

async function readBounded(request: Request): Promise<Uint8Array> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > BODY_LIMIT) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  await eachChunk(request, (chunk) => {
    length += chunk.length;
    if (length > BODY_LIMIT) throw tooLarge();
    chunks.push(chunk);
    return true;
  });
  return Buffer.concat(chunks);
}

/** As much as this is read to be thrown away, for as long as this. */
const DISCARD_LIMIT = 4 * BODY_LIMIT;
const DISCARD_MS = 10_000;

/**
 * Reads and throws away what is left of a body, within bounds: over HTTP/2 an answer to a request that
 * is still being sent is lost. A client that asked before it sends (RFC 9110 10.1.1) sends nothing.
 */
export async function discardBody(request: Request): Promise<void> {
  if (!request.body || request.headers.has("expect")) return;
  let left = DISCARD_LIMIT;
  await eachChunk(request, ({ length }) => (left -= length) > 0, DISCARD_MS)
    .catch(() => {});
}

/** Reads until the end, for `ms` at most, or until `take` answers false or throws; what is unread stays so. */
async function eachChunk(
  request: Request,
  take: (chunk: Uint8Array) => boolean,
  ms?: number,
): Promise<void> {
  const reader = request.body?.getReader();
  if (!reader) return;
  const giveUp = () => void reader.cancel().catch(() => {});
  const timer = ms === undefined ? undefined : setTimeout(giveUp, ms);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !take(value)) return;
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}

function tooLarge(): AdminError {
  return new AdminError(413, `the body is larger than ${BODY_LIMIT} bytes`);
}
