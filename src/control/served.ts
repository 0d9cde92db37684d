import type { Resources } from "../config/resources.ts";
import type { Config } from "../config/schema.ts";

/** What an administrator wants of a leg: `drain` takes no new logins, `maint` ends its sessions too. */
export type LegAdminState = "ready" | "drain" | "maint";

/** Limits of the whole process, which only an administrator sets; null: none. */
export interface Caps {
  /** Connections of all listeners together. */
  readonly maxConnections: number | null;
  /** New connections a second. */
  readonly connectionRate: number | null;
  /** Logins a second. */
  readonly loginRate: number | null;
}

export const NO_CAPS: Caps = {
  maxConnections: null,
  connectionRate: null,
  loginRate: null,
};

/** A configuration with what was set at run time laid over it: what is served. */
export interface Served {
  readonly config: Config;
  readonly resources: Resources;
  /** Listeners that are not to be bound. */
  readonly stopped: ReadonlySet<string>;
  /** Legs that are not `ready`, by `legName`. */
  readonly legStates: ReadonlyMap<string, LegAdminState>;
  readonly caps: Caps;
}

/** A configuration as it is. */
export function servedAsIs(config: Config, resources: Resources): Served {
  return {
    config,
    resources,
    stopped: new Set(),
    legStates: new Map(),
    caps: NO_CAPS,
  };
}
