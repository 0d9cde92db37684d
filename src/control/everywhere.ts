/** What the workers are told, and those of older processes that have sessions still. */
import type { EndReason, KickTarget, MovedAccount } from "../port/messages.ts";
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

/**
 * End sessions of accounts that have moved, but those that are held or at the destination; answers how
 * many of each.
 */
export async function evictEverywhere(
  { supervisor, predecessors }: Pick<Parts, "supervisor" | "predecessors">,
  moved: readonly MovedAccount[],
): Promise<number[]> {
  const [older, ended] = await Promise.all([
    predecessors.evict(moved),
    supervisor.ask("evict", { moved }),
  ]);
  return added([...older, ...ended], moved);
}

/** The same of this process alone. */
export async function evictHere(
  { supervisor }: Pick<Parts, "supervisor">,
  moved: readonly MovedAccount[],
): Promise<number[]> {
  return added(await supervisor.ask("evict", { moved }), moved);
}

function added(
  counts: readonly (readonly number[])[],
  moved: readonly MovedAccount[],
): number[] {
  return moved.map((_, i) =>
    counts.reduce((sum, counted) => sum + (counted[i] ?? 0), 0)
  );
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
