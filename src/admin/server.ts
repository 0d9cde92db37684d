/** The management API's listener. */
import type { AdminToken } from "../config/tokens.ts";
import type { ControlPlane } from "../control/api.ts";
import type { AuditLog } from "../control/audit_log.ts";
import type { LogLine } from "../port/messages.ts";
import type { SocketAddress } from "../port/snapshot.ts";
import { Authenticator } from "./auth.ts";
import { createDispatch } from "./dispatch.ts";
import { Lockout } from "./lockout.ts";
import { routes } from "./routes.ts";

export interface AdminOptions {
  /** A literal address; port 0 takes a free one. */
  readonly bind: SocketAddress;
  readonly certPem: string;
  readonly keyPem: string;
  readonly tokens: readonly AdminToken[];
  readonly lockoutThreshold: number;
  /** Milliseconds. */
  readonly lockoutDuration: number;
  readonly control: ControlPlane;
  readonly log: (line: LogLine) => void;
  readonly audit: AuditLog;
  /** How an account appears in audit lines. */
  readonly shorten: (identifier: string) => string;
}

export interface AdminServer {
  readonly address: SocketAddress;
  /**
   * New connections get this certificate; requests under way are finished with the old one. A
   * connection being set up at that moment may be reset, unless the kernel hands it over
   * (`net.ipv4.tcp_migrate_req`).
   */
  replaceCertificate(certPem: string, keyPem: string): void;
  /** Stops accepting and waits for the requests under way. */
  close(): Promise<void>;
}

/** Serves the management API. Throws what Deno throws where the address cannot be bound. */
export function startAdmin(options: AdminOptions): AdminServer {
  const { bind, log } = options;
  const dispatch = createDispatch({
    ...options,
    routes,
    authenticator: new Authenticator(options.tokens),
    lockout: new Lockout(options.lockoutThreshold, options.lockoutDuration),
  });

  const serve = (port: number, cert: string, key: string) =>
    Deno.serve({
      hostname: bind.hostname,
      port,
      cert,
      key,
      reusePort: true,
      onListen: () => {},
      onError: (error) => {
        log({
          level: "error",
          event: "admin_internal_error",
          fields: { error: String(error) },
        });
        return new Response("internal error\n", { status: 500 });
      },
    }, (request, { remoteAddr }) => dispatch(request, remoteAddr.hostname));

  assertFree(bind);
  let current = serve(bind.port, options.certPem, options.keyPem);
  let pair = options.certPem + options.keyPem;
  const retired: Promise<void>[] = [];
  const { hostname, port } = current.addr;
  return {
    address: { hostname, port },
    replaceCertificate(certPem, keyPem) {
      if (certPem + keyPem === pair) return;
      // A listener keeps its certificate for life, so a second one shares the port for a moment.
      // Not awaited: the request that asked for the reload is itself one that the old one finishes.
      const next = serve(port, certPem, keyPem);
      retired.push(current.shutdown());
      current = next;
      pair = certPem + keyPem;
    },
    async close() {
      await Promise.all([...retired, current.shutdown()]);
    },
  };
}

/** `reusePort` lets a second program share the port by mistake; binding without it does not. */
function assertFree({ hostname, port }: SocketAddress): void {
  if (port !== 0) Deno.listen({ hostname, port }).close();
}
