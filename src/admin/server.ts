/** The management API's listener. */
import type { ControlPlane } from "../control/api.ts";
import type { LogLine } from "../port/messages.ts";
import type { SocketAddress } from "../port/snapshot.ts";
import type { AdminToken } from "../config/tokens.ts";
import type { AuditLog } from "../control/audit_log.ts";
import { Authenticator } from "./auth.ts";
import { createDispatch } from "./dispatch.ts";
import { HttpsServer } from "./https.ts";
import { type Detour, pass } from "./detour.ts";
import { Lockout } from "./lockout.ts";
import { routes } from "./routes.ts";
import { parseTarget } from "./target.ts";

/** Paths of routes whose bodies or answers may be of any size. */
const STREAMED = new Set<string>(
  routes.filter(({ form, body }) => form === "stream" || body?.streamed)
    .map(({ path }) => path),
);

/** What stays as long as the listener does. */
export interface AdminOptions {
  /** A literal address; port 0 takes a free one. */
  readonly bind: SocketAddress;
  /** A port that a listener of our own holds, which this one may share. */
  readonly shares?: number | undefined;
  readonly control: ControlPlane;
  readonly log: (line: LogLine) => void;
  readonly audit: AuditLog;
  /** How an account appears in audit lines. */
  readonly shorten: (identifier: string) => string;
  readonly detour: Detour;
}

/** What a change of the configuration replaces while the listener stays. */
export interface AdminSettings {
  readonly certPem: string;
  readonly keyPem: string;
  readonly tokens: readonly AdminToken[];
  readonly lockoutThreshold: number;
  /** Milliseconds. */
  readonly lockoutDuration: number;
}

export interface AdminServer {
  readonly address: SocketAddress;
  /**
   * Requests from now on are judged by these. A new certificate is for new connections; requests under
   * way are finished with the old one.
   */
  configure(settings: AdminSettings): void;
  /** Answer a request that came in another way; `peer` is the client's address. */
  answer(request: Request, peer: string): Promise<Response>;
  /** Stops accepting and waits, within bounds, for the requests under way. */
  close(): Promise<void>;
}

/** Serves the management API. Throws what Deno throws where the address cannot be bound. */
export function startAdmin(
  options: AdminOptions,
  initial: AdminSettings,
): AdminServer {
  const { bind, log } = options;
  let settings = initial;
  let lockout = new Lockout(
    settings.lockoutThreshold,
    settings.lockoutDuration,
  );
  const closing = new AbortController();
  const dispatchOf = ({ tokens }: AdminSettings) =>
    createDispatch({
      ...options,
      closing: closing.signal,
      routes,
      authenticator: new Authenticator(tokens),
      lockout,
    });
  let dispatch = dispatchOf(settings);

  const answer = (request: Request, peer: string) =>
    pass(
      options.detour,
      request,
      peer,
      () => dispatch(request, peer),
      STREAMED.has(parseTarget(request.url).rawPath),
    );

  if (bind.port !== options.shares) assertFree(bind);
  const server = new HttpsServer(
    bind,
    settings,
    (request, { remoteAddr }) => answer(request, remoteAddr.hostname),
    (error) => {
      log({
        level: "error",
        event: "admin_internal_error",
        fields: { error: String(error) },
      });
      return new Response("internal error\n", { status: 500 });
    },
  );
  return {
    address: server.address,
    answer,
    configure(next) {
      const before = settings;
      settings = next;
      const sameLimits = before.lockoutThreshold === next.lockoutThreshold &&
        before.lockoutDuration === next.lockoutDuration;
      if (!sameLimits) {
        lockout = new Lockout(next.lockoutThreshold, next.lockoutDuration);
      }
      dispatch = dispatchOf(next);
      server.replace(next);
    },
    async close() {
      closing.abort(new Error("the proxy is stopping"));
      await server.close();
    },
  };
}

/** `reusePort` lets a second program share the port by mistake; binding without it does not. */
function assertFree({ hostname, port }: SocketAddress): void {
  if (port !== 0) Deno.listen({ hostname, port }).close();
}
