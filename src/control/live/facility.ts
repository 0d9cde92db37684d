import type { Served } from "../served.ts";

/** What a facility is to be ready for. */
export interface Coming {
  readonly served: Served;
  /** What the management API serves. */
  readonly certificate: { readonly certPem: string; readonly keyPem: string };
  /** Read again what is kept in memory of files beside the configuration. */
  readonly reread: boolean;
}

/** Something that a facility has made and does not use yet. Neither method throws. */
export interface Prepared {
  /** Use it, and retire what it replaces. */
  commit(): void | Promise<void>;
  /** Throw it away. */
  abort(): void | Promise<void>;
}

/**
 * A part of the control plane that holds something open by the configuration: a store, a listener. What
 * a new configuration needs is made first and put to use only when all of it could be made.
 */
export interface Facility {
  /** Throws an error for the operator where it cannot be made; nothing has changed then. */
  prepare(coming: Coming): Promise<Prepared>;
}

/** Prepare all or none; what was made before one failed is thrown away. */
export async function prepareAll(
  facilities: readonly Facility[],
  coming: Coming,
): Promise<Prepared> {
  const made: Prepared[] = [];
  const abort = async () => {
    for (const each of made) await each.abort();
  };
  for (const facility of facilities) {
    try {
      made.push(await facility.prepare(coming));
    } catch (error) {
      await abort();
      throw error;
    }
  }
  return {
    abort,
    async commit() {
      for (const each of made) await each.commit();
    },
  };
}

/** For a facility that needs nothing new. */
export function unchanged(commit: Prepared["commit"] = () => {}): Prepared {
  return { commit, abort: () => {} };
}
