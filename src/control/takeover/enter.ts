import type { Parts } from "../parts.ts";
import type { Estate } from "./messages.ts";

/** Go on where the process was that is taken over from. */
export async function enter(parts: Parts, estate: Estate): Promise<void> {
  parts.breakers.restore(estate.breakers);
  parts.limits.restoreFailures(estate.failures);
  await Promise.all(
    estate.holds.map(({ identifier, remaining }) =>
      parts.hold(identifier, remaining / 1000)
    ),
  );
}
