import type { Config } from "../../config/schema.ts";
import type { Clock } from "../../observe/clock.ts";
import { turn } from "../../store/turns.ts";
import {
  accountKey,
  mustBeStorable,
  mustBeTarget,
  mustBeWritable,
} from "../accounts.ts";
import { ControlError } from "../api.ts";
import type {
  AccountMove,
  Destinations,
  MoveAnswer,
  MoveControl,
  MoveRequest,
  MoveResult,
} from "../api_moves.ts";
import type { Parts } from "../parts.ts";
import type { KeptAccount, KeptChange, KeptChanges } from "./kept_changes.ts";
import {
  type Mapped,
  type MoveGround,
  relocate,
  type Relocated,
} from "./relocation.ts";

/** Names, aliases among them, of one call. */
const MOST_NAMES = 10_000;
const NAMES_A_TURN = 200;

/** An account with all names that it is looked up by, normalized. */
interface Account {
  readonly identifier: string;
  readonly names: readonly string[];
}

/** What is wrong with accounts that are to be changed; nothing is changed then. */
class Refused extends Error {
  constructor(
    message: string,
    readonly result: MoveResult,
    /** The names that are in the way, with where they are now; null where that was not looked at. */
    readonly names: ReadonlyMap<string, string | null | undefined>,
  ) {
    super(message);
  }
}

/** The worst of its names is what became of an account. */
const BY_WEIGHT: readonly Relocated["result"][] = [
  "unknown",
  "put-back",
  "not-moved",
  "overtaken",
  "moved",
  "unchanged",
];

/** Moves of accounts with all their names, one of an account at a time, each kept to be undone. */
export class Moves implements MoveControl {
  /** Names that are being moved at this moment. */
  readonly #underWay = new Set<string>();

  constructor(
    private readonly ground: MoveGround,
    private readonly kept: KeptChanges,
    private readonly parts: Pick<Parts, "store" | "metrics">,
    private readonly config: () => Config,
    private readonly clock: Clock,
  ) {}

  async move(request: MoveRequest): Promise<MoveAnswer> {
    const { destination, dryRun, by } = request;
    mustBeTarget(this.config(), destination);
    const accounts = await this.#accounts(request);
    const targets = new Map(
      accounts.flatMap(({ names }) =>
        names.map((name): [string, string] => [name, destination])
      ),
    );
    if (dryRun) return await this.#foretell(accounts, targets);
    const id = crypto.randomUUID();
    const at = new Date().toISOString();
    return await this.#change(accounts, targets, {
      id,
      judge() {},
      remember: (before) =>
        this.kept.keep({
          ...{ id, at, by, destination, undone: false },
          accounts: keptOf(accounts, before),
        }),
      forget: () => this.kept.forget(id),
      done: () => Promise.resolve(),
    });
  }

  async undo(id: string): Promise<MoveAnswer> {
    const change = await this.kept.find(id);
    if (change === undefined) {
      throw new ControlError("unknown", "unknown change");
    }
    if (change.undone) {
      throw new ControlError("conflict", "the change is undone already");
    }
    mustBeWritable(this.parts.store);
    const accounts = change.accounts.map(({ identifier, before }) => ({
      identifier,
      names: Object.keys(before),
    }));
    const targets = new Map(
      change.accounts.flatMap(({ before }) => Object.entries(before)),
    );
    for (const name of new Set(targets.values())) {
      if (name !== null) mustStillBeTarget(this.config(), name);
    }
    return await this.#change(accounts, targets, {
      id,
      judge: (previous) => mustBeAsLeft(previous, targets, change),
      remember: () => Promise.resolve(),
      forget: () => Promise.resolve(),
      done: () => this.kept.keep({ ...change, undone: true }),
    }, (result) => result === "moved" ? "restored" : result);
  }

  async #change(
    accounts: readonly Account[],
    targets: Mapped,
    change: {
      readonly id: string;
      judge(previous: Mapped): void;
      remember(before: Mapped): Promise<void>;
      /** Nothing of it was left. */
      forget(): Promise<void>;
      done(): Promise<void>;
    },
    named: (result: MoveResult) => MoveResult = (result) => result,
  ): Promise<MoveAnswer> {
    let answer: MoveAnswer;
    try {
      using _ = this.#take([...targets.keys()]);
      let isKept = false;
      const { accounts: done, failure } = await relocate(
        this.ground,
        targets,
        {
          judge: change.judge,
          async remember(before) {
            await change.remember(before);
            isKept = true;
          },
        },
        this.clock,
      );
      const results = [...done.values()].map(({ result }) => result);
      const isLeft = results.some((result) =>
        ["moved", "overtaken", "unknown"].includes(result)
      );
      if (failure === null) await change.done();
      else if (isKept && !isLeft) await change.forget();
      answer = {
        change: isKept && isLeft ? change.id : null,
        dry_run: false,
        problem: failure?.message ?? null,
        accounts: accounts.map((account) => merged(account, done, named)),
      };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer = refusal(error, accounts);
    }
    for (const { result } of answer.accounts) {
      this.parts.metrics.add("moves", 1, result);
    }
    return answer;
  }

  async #foretell(
    accounts: readonly Account[],
    targets: Mapped,
  ): Promise<MoveAnswer> {
    const previous = await this.ground.read([...targets.keys()]);
    return {
      change: null,
      dry_run: true,
      problem: null,
      accounts: accounts.map(({ identifier, names }) => ({
        identifier,
        result: names.every((name) => previous.get(name) === targets.get(name))
          ? "unchanged"
          : "would-change",
        previous: some(names, previous),
        now: {},
        kicked: 0,
      })),
    };
  }

  /** In turns, since there may be many. Throws ControlError. */
  async #accounts({ accounts: given }: MoveRequest): Promise<Account[]> {
    const { store } = this.parts;
    mustBeWritable(store);
    const count = given.reduce(
      (sum, { aliases }) => sum + 1 + aliases.length,
      0,
    );
    if (count > MOST_NAMES) {
      throw new ControlError(
        "invalid",
        `more than ${MOST_NAMES} names in one call`,
      );
    }
    const seen = new Set<string>();
    const accounts: Account[] = [];
    for (const { identifier, aliases } of given) {
      const names = new Set<string>();
      for (const each of [identifier, ...aliases]) {
        const name = accountKey(this.config(), each);
        mustBeStorable(store, name);
        names.add(name);
      }
      for (const name of names) {
        if (seen.has(name)) {
          throw new ControlError("invalid", `${name} is named twice`);
        }
        seen.add(name);
      }
      accounts.push({ identifier, names: [...names] });
      if (accounts.length % NAMES_A_TURN === 0) await turn();
    }
    return accounts;
  }

  /** Nobody else moves these meanwhile. */
  #take(names: readonly string[]): Disposable {
    const busy = names.filter((name) => this.#underWay.has(name));
    if (busy.length > 0) {
      throw new Refused(
        `${busy.length} of the accounts are being moved by another request`,
        "busy",
        new Map(busy.map((name) => [name, undefined])),
      );
    }
    for (const name of names) this.#underWay.add(name);
    return {
      [Symbol.dispose]: () => {
        for (const name of names) this.#underWay.delete(name);
      },
    };
  }
}

function mustStillBeTarget(config: Config, destination: string): void {
  if (Object.hasOwn(config.destination, destination)) {
    return mustBeTarget(config, destination);
  }
  throw new ControlError(
    "invalid",
    `destination '${destination}' is not declared any more`,
  );
}

/** An undo finds what the change left, or what was there before. Throws Refused. */
function mustBeAsLeft(
  previous: Mapped,
  targets: Mapped,
  { destination }: KeptChange,
): void {
  const changed = [...previous].filter(([name, is]) =>
    is !== destination && is !== targets.get(name)
  );
  if (changed.length === 0) return;
  throw new Refused(
    `${changed.length} of the names were mapped to something else since`,
    "changed",
    new Map(changed),
  );
}

function refusal(
  { message, result, names }: Refused,
  accounts: readonly Account[],
): MoveAnswer {
  return {
    change: null,
    dry_run: false,
    problem: message,
    accounts: accounts.map((account) => {
      const own = account.names.filter((name) => names.has(name));
      return {
        identifier: account.identifier,
        result: own.length > 0 ? result : "not-moved",
        previous: {},
        now: some(own, names),
        kicked: 0,
      };
    }),
  };
}

function merged(
  { identifier, names }: Account,
  done: ReadonlyMap<string, Relocated>,
  named: (result: MoveResult) => MoveResult,
): AccountMove {
  const of = names.map((name) => [name, done.get(name)!] as const);
  const results = of.map(([, { result }]) => result);
  return {
    identifier,
    result: named(BY_WEIGHT.find((result) => results.includes(result))!),
    previous: some(names, new Map(of.map(([n, r]) => [n, r.previous]))),
    now: some(names, new Map(of.map(([n, r]) => [n, r.now]))),
    kicked: of.reduce((sum, [, { kicked }]) => sum + kicked, 0),
  };
}

function keptOf(
  accounts: readonly Account[],
  before: Mapped,
): readonly KeptAccount[] {
  return accounts.map(({ identifier, names }) => ({
    identifier,
    before: some(names, before),
  })).filter(({ before }) => Object.keys(before).length > 0);
}

/** Those of the names that there is something for. */
function some(
  names: readonly string[],
  of: ReadonlyMap<string, string | null | undefined>,
): Destinations {
  return Object.fromEntries(
    names.flatMap((name): [string, string | null][] => {
      const value = of.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
