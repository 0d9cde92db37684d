/**
 * What all workers are told, and those of older processes that have sessions still: `...Here`. And the
 * other proxies of the cluster besides: `...Everywhere`.
 */
import type { EndReason, KickTarget, MovedAccount } from "../port/messages.ts";
import type { Parts } from "./parts.ts";

type Here = Pick<Parts, "supervisor" | "predecessors">;
type Everywhere = Here & Pick<Parts, "cluster">;

/** Answers how many sessions were ended. Of this process alone. */
export async function endInWorkers(
  { supervisor }: Pick<Parts, "supervisor">,
  target: KickTarget,
  reason: EndReason,
): Promise<number> {
  const ended = await supervisor.ask("kick", { target, reason });
  return ended.reduce((sum, count) => sum + count, 0);
}

/** The same, with older processes. */
export async function endHere(
  parts: Here,
  target: KickTarget,
  reason: EndReason,
): Promise<number> {
  const [older, ended] = await Promise.all([
    parts.predecessors.kick(target, reason),
    endInWorkers(parts, target, reason),
  ]);
  return older + ended;
}

/** The same in every proxy. */
export async function endEverywhere(
  parts: Everywhere,
  target: KickTarget,
  reason: EndReason,
): Promise<number> {
  const [here, elsewhere] = await Promise.all([
    endHere(parts, target, reason),
    parts.cluster.ask("kick", { target, reason }),
  ]);
  return [...elsewhere.values()].reduce((sum, count) => sum + count, here);
}

/**
 * End sessions of accounts that have moved, but those that are held or at the destination; answers how
 * many of each. Of this process alone.
 */
export async function evictInWorkers(
  { supervisor }: Pick<Parts, "supervisor">,
  moved: readonly MovedAccount[],
): Promise<number[]> {
  return added(await supervisor.ask("evict", { moved }), moved);
}

/** The same, with older processes. */
export async function evictHere(
  parts: Here,
  moved: readonly MovedAccount[],
): Promise<number[]> {
  const [older, ended] = await Promise.all([
    parts.predecessors.evict(moved),
    evictInWorkers(parts, moved),
  ]);
  return added([...older, ended], moved);
}

/** The same in every proxy. */
export async function evictEverywhere(
  parts: Everywhere,
  moved: readonly MovedAccount[],
): Promise<number[]> {
  const [here, elsewhere] = await Promise.all([
    evictHere(parts, moved),
    parts.cluster.ask("evict", { moved }),
  ]);
  return added([here, ...elsewhere.values()], moved);
}

function added(
  counts: readonly (readonly number[])[],
  moved: readonly MovedAccount[],
): number[] {
  return moved.map((_, i) =>
    counts.reduce((sum, counted) => sum + (counted[i] ?? 0), 0)
  );
}

/** When more accounts change, everything that is known is forgotten rather than each of them. */
export const MOST_FORGOTTEN = 10_000;

/** Whom to forget when these accounts change: each of them, or with null everybody. */
export function whomToForget(
  accounts: readonly string[] | null,
): readonly string[] | null {
  return accounts !== null && accounts.length > MOST_FORGOTTEN
    ? null
    : accounts;
}

/** Once this resolves no worker routes these accounts, or any (null), by what was known before. */
export async function forgetHere(
  { supervisor, predecessors }: Here,
  identifiers: readonly string[] | null,
): Promise<void> {
  await Promise.all([
    predecessors.invalidate(identifiers),
    supervisor.ask("invalidate", { identifiers }),
  ]);
}

/** Besides, the resolver asks the store again. `changed`: even when that cannot be asked, what was known is over. */
export async function renewHere(
  parts: Here & Pick<Parts, "resolver">,
  identifiers: readonly string[] | null,
  changed: boolean,
): Promise<void> {
  const { resolver } = parts;
  for (const each of identifiers ?? [null]) {
    if (changed) resolver.invalidate(each);
    else resolver.outdate(each);
  }
  await forgetHere(parts, identifiers);
}

/** `renewHere` in every proxy. */
export async function forgetEverywhere(
  parts: Everywhere & Pick<Parts, "resolver">,
  identifiers: readonly string[] | null,
  changed: boolean,
): Promise<void> {
  await Promise.all([
    renewHere(parts, identifiers, changed),
    parts.cluster.ask("forget", { identifiers, changed }),
  ]);
}

/** Resolves once every worker knows. */
export async function holdHere(
  parts: Pick<Parts, "hold" | "predecessors">,
  identifier: string,
  seconds: number,
): Promise<void> {
  await Promise.all([
    parts.hold(identifier, seconds),
    parts.predecessors.hold(identifier, seconds),
  ]);
}

/** Resolves once every worker knows. */
export async function holdEverywhere(
  parts: Everywhere & Pick<Parts, "hold">,
  identifier: string,
  seconds: number,
): Promise<void> {
  await Promise.all([
    holdHere(parts, identifier, seconds),
    parts.cluster.ask("hold", { identifier, seconds }),
  ]);
}

/**
 * From its answer on no new login of the accounts gets past, until that is called; in the other proxies
 * for two minutes at most. Logins in older processes are not held.
 */
export async function pinEverywhere(
  { pin, cluster }: Pick<Parts, "pin" | "cluster">,
  identifiers: readonly string[],
): Promise<() => void> {
  const id = crypto.randomUUID();
  const [release] = await Promise.all([
    pin(identifiers),
    cluster.ask("pin", { id, identifiers }),
  ]);
  return () => {
    release();
    void cluster.ask("unpin", { id });
  };
}
