import type { Config } from "../../config/schema.ts";
import type { MappingStore } from "../../store/store.ts";
import { turn } from "../../store/turns.ts";
import { type Clock, systemClock } from "../../observe/clock.ts";
import { storeFailure } from "../accounts.ts";
import {
  evictEverywhere,
  forgetEverywhere,
  pinEverywhere,
  whomToForget,
} from "../everywhere.ts";
import type { Parts } from "../parts.ts";
import { recoveryOf } from "./recovery.ts";
import type { MoveGround } from "./relocation.ts";

/** So many lookups are asked of the store at once: one by one, and together. */
const READ_AT_ONCE = 64;
const READ_TOGETHER = 1000;

/** So many changes are given at once to a store that cannot take all or none of them. */
const WRITTEN_AT_ONCE = 1000;

type GroundParts = Pick<
  Parts,
  "store" | "resolver" | "supervisor" | "predecessors" | "pin" | "cluster"
>;

/** What of a store a move, or an import, changes mappings by. */
type GroundStore = Pick<
  MappingStore,
  "get" | "getMany" | "write" | "writeAll" | "health"
>;

/** The store of these parts as what mappings are changed on. */
export function storeGround(
  parts: { readonly store: GroundStore },
  clock: Clock,
): Pick<MoveGround, "read" | "write" | "recovered"> {
  return {
    recovered: recoveryOf(parts, clock),
    async read(accounts) {
      const found = new Map<string, string | null>();
      const { store } = parts;
      const size = store.getMany ? READ_TOGETHER : READ_AT_ONCE;
      for (const some of portions(accounts, size)) {
        const answers = await (
          store.getMany?.(some) ??
            Promise.all(some.map((account) => store.get(account)))
        ).catch((error) => {
          throw storeFailure(error);
        });
        // A source that answers with an empty destination has none.
        some.forEach((account, i) => found.set(account, answers[i] || null));
        await turn();
      }
      return found;
    },
    async write(changes) {
      const { store } = parts;
      const size = store.writeAll ? changes.size : WRITTEN_AT_ONCE;
      try {
        for (const some of portions([...changes], size)) {
          await store.write(new Map(some));
        }
      } catch (error) {
        throw storeFailure(error);
      }
    },
  };
}

/** The parts of the control plane as what a move works on. */
export function moveGround(
  parts: GroundParts,
  config: () => Config,
  clock: Clock = systemClock,
): MoveGround {
  return {
    ...storeGround(parts, clock),
    // Logins in older processes are not held: where they went astray, they are ended with the others.
    hold: (accounts) => pinEverywhere(parts, accounts),
    forget: (accounts, isCertain) => forgetAccounts(parts, accounts, isCertain),
    async evict(accounts) {
      const { default_destination } = config().routing;
      const moved = [...accounts].map(([account, destination]) => ({
        account,
        destination: destination ?? default_destination,
      }));
      const counts = await evictEverywhere(parts, moved);
      return new Map(moved.map(({ account }, i) => [account, counts[i]!]));
    },
  };
}

/**
 * Once this resolves nobody routes these, or with null anybody, by what was known before. Where it is not
 * certain what the store has and it cannot be asked, what was known still counts.
 */
export async function forgetAccounts(
  parts: Pick<Parts, "resolver" | "supervisor" | "predecessors" | "cluster">,
  accounts: readonly string[] | null,
  isCertain: boolean,
): Promise<void> {
  await forgetEverywhere(parts, whomToForget(accounts), isCertain);
}

function* portions<T>(list: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < list.length; at += size) {
    yield list.slice(at, at + size);
  }
}
