import type { HttpSnapshot } from "../../port/snapshot.ts";
import type { WorkerCore } from "../core.ts";
import type { Session } from "../session.ts";
import type { ClientWatch } from "./client_watch.ts";
import type { Upstream } from "./upstream.ts";

/** What the requests of one connection share. */
export interface Ground {
  readonly core: WorkerCore;
  readonly session: Session;
  readonly upstream: Upstream;
  readonly watch: ClientWatch;
  /** As of the connection's begin. */
  readonly http: HttpSnapshot;
}
