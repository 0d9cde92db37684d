/** What the workers are told, and those of older processes that have sessions still. */
import type { EndReason, KickTarget } from "../port/messages.ts";
import type { Parts } from "./parts.ts";

/** Answers how many sessions were ended. */
export async function endEverywhere(
  { supervisor, predecessors }: Pick<Parts, "supervisor" | "predecessors">,
  target: KickTarget,
  reason: EndReason,
): Promise<number> {
  const [older, ended] = await Promise.all([
    predecessors.kick(target, reason),
    supervisor.ask("kick", { target, reason }),
  ]);
  return ended.reduce((sum, count) => sum + count, older);
}

/** Once this resolves no worker routes these accounts, or any (null), by what was known before. */
export async function forgetEverywhere(
  { supervisor, predecessors }: Pick<Parts, "supervisor" | "predecessors">,
  identifiers: readonly string[] | null,
): Promise<void> {
  await Promise.all([
    predecessors.invalidate(identifiers),
    supervisor.ask("invalidate", { identifiers }),
  ]);
}
