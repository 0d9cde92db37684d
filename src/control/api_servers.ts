import type { LegAdminState } from "./served.ts";

/** What an administrator wants of a listener: `shut` is `disabled` until its override is cleared. */
export type FrontendState = "enabled" | "disabled" | "shut";

/**
 * Servers (a destination, or `destination/protocol` for one leg of it) and listeners as administrators want
 * them, over the configuration. `by` names who asks. Methods throw ControlError, and have changed nothing
 * then; what they set is in force and kept when they resolve.
 */
export interface ServerControl {
  /** `maint` also ends the sessions that are there; answers how many. */
  setState(server: string, state: LegAdminState, by: string): Promise<number>;
  /** As if the breaker had found so: down until its cooldown has passed, or well. */
  setHealth(server: string, health: "up" | "down"): void;
  /** `host` of a destination, `port` of its legs or of the one that is named; null: as configured. */
  setAddress(
    server: string,
    address: { readonly host: string; readonly port?: number } | null,
    by: string,
  ): Promise<void>;
  setFrontend(
    listener: string,
    state: FrontendState,
    by: string,
  ): Promise<void>;
  /** Of one listener, or of all together (null); 0: as configured. */
  setMaxConnections(
    listener: string | null,
    most: number,
    by: string,
  ): Promise<void>;
  /** How many a second; 0: as many as come. */
  setRateLimit(
    of: "connections" | "logins",
    perSecond: number,
    by: string,
  ): Promise<void>;
}
