import type { Clock } from "../../observe/clock.ts";
import { LONGEST_HOLD } from "../holds.ts";
import type { MoveResult } from "../api_moves.ts";
import { putBack } from "./put_back.ts";

/** Destinations by account; null: no mapping. */
export type Mapped = ReadonlyMap<string, string | null>;

/** What mappings are changed on, in the order of the steps. Accounts are normalized. */
export interface MoveGround {
  /** From its answer on no new login of these gets past, until that is called. */
  hold(accounts: readonly string[]): Promise<() => void>;
  /** What the store has for these now. */
  read(accounts: readonly string[]): Promise<Mapped>;
  /** Durable when it resolves; may have done a part of it when it rejects. */
  write(changes: Mapped): Promise<void>;
  /** Resolves when the store can be asked, or is not to be waited for any longer. */
  recovered(): Promise<void>;
  /**
   * Once this resolves nobody routes by what was known before, unless it is not certain what the store
   * has and it cannot be asked.
   */
  forget(accounts: readonly string[], isCertain: boolean): Promise<void>;
  /**
   * End the sessions of these that are elsewhere, but those that are held; answers how many. null is the
   * default destination.
   */
  evict(accounts: Mapped): Promise<ReadonlyMap<string, number>>;
}

export interface RelocationHooks {
  /** Is everything fine with what was found? What it throws ends the relocation: nothing is done. */
  judge(previous: Mapped): void;
  /** Awaited before the first write, with what is to be changed as it was; what it throws ends it too. */
  remember(before: Mapped): Promise<void>;
}

/** What became of one account of a relocation. */
export interface Relocated {
  readonly result: Extract<
    MoveResult,
    "moved" | "unchanged" | "overtaken" | "not-moved" | "put-back" | "unknown"
  >;
  readonly previous: string | null;
  /** Where that is not what was wanted; undefined: it is, or that is not known. */
  readonly now?: string | null;
  readonly kicked: number;
}

export interface Relocation {
  readonly accounts: ReadonlyMap<string, Relocated>;
  /** Why a write failed, or null. */
  readonly failure: Error | null;
}

/**
 * Give accounts other destinations so that none of their logins ends on an old server afterwards: hold,
 * write, invalidate, kick, release. Who is held when it begins comes out at the new destination, unless
 * that takes longer than logins are ever held: then they go on, and are ended if they went astray. When a
 * write fails, what was written is put back. Throws what reading the mappings or a hook threw.
 */
export async function relocate(
  ground: MoveGround,
  targets: Mapped,
  { judge, remember }: RelocationHooks,
  clock: Clock,
): Promise<Relocation> {
  const all = [...targets.keys()];
  const release = await ground.hold(all);
  const stopWaiting = clock.after(LONGEST_HOLD * 1000, release);
  try {
    const previous = await ground.read(all);
    judge(previous);
    const before = new Map(
      [...previous].filter(([account, was]) => was !== targets.get(account)),
    );
    let failure: Error | null = null;
    let left: ReadonlyMap<string, Left> = new Map();
    if (before.size > 0) {
      await remember(before);
      const wanted = new Map(
        [...before.keys()].map((each) => [each, targets.get(each) ?? null]),
      );
      try {
        await ground.write(wanted);
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        left = await putBack(ground, before, wanted);
      }
    }
    await ground.forget(all, failure === null);
    const kicked = await ground.evict(
      failure === null ? targets : staying(previous, left),
    );
    if (failure === null) left = await overtaken(ground, before, targets);
    const accounts = new Map(
      [...previous].map(([account, was]): [string, Relocated] => {
        const done = before.has(account)
          ? left.get(account) ?? { result: "moved" as const }
          : { result: "unchanged" as const };
        return [account, {
          ...done,
          previous: was,
          kicked: kicked.get(account) ?? 0,
        }];
      }),
    );
    return { accounts, failure };
  } finally {
    stopWaiting();
    release();
  }
}

/** What a change that did not go as it should left behind. */
export type Left = Pick<Relocated, "result" | "now">;

/** After a failure: those who certainly are where they were. */
function staying(
  previous: Mapped,
  left: ReadonlyMap<string, Left>,
): Mapped {
  const uncertain = ["unknown", "overtaken"];
  return new Map(
    [...previous].filter(([account]) =>
      !uncertain.includes(left.get(account)?.result ?? "")
    ),
  );
}

/** Somebody else, another proxy for one, may have written the same accounts meanwhile: the last one counts. */
async function overtaken(
  ground: MoveGround,
  written: Mapped,
  targets: Mapped,
): Promise<ReadonlyMap<string, Left>> {
  if (written.size === 0) return new Map();
  // The mappings are durable: that they cannot be read again now takes nothing back.
  const now = await ground.read([...written.keys()]).catch(() => targets);
  return new Map(
    [...written.keys()].flatMap((account): [string, Left][] => {
      const is = now.get(account) ?? null;
      if (is === (targets.get(account) ?? null)) return [];
      return [[account, { result: "overtaken", now: is }]];
    }),
  );
}
