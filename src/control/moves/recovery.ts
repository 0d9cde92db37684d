import type { Clock } from "../../observe/clock.ts";
import type { MappingStore } from "../../store/store.ts";

/** How long a store that has gone away is waited for, ms: so long takes the restart of a database. */
export const RECOVERY_MS = 15_000;

const LOOK_MS = 100;

/**
 * Resolves once the store can be asked, or when it could not for `RECOVERY_MS`: then at once, until it has
 * been there again.
 */
export function recoveryOf(
  parts: { readonly store: Pick<MappingStore, "health"> },
  clock: Clock,
): () => Promise<void> {
  let since: number | null = null;
  return async () => {
    while (!parts.store.health().serving) {
      since ??= clock.now();
      if (clock.now() - since >= RECOVERY_MS) return;
      await new Promise<void>((done) => clock.after(LOOK_MS, done));
    }
    since = null;
  };
}
