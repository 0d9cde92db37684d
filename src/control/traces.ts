import type { TraceStep } from "../port/messages.ts";
import { ControlError } from "./api.ts";

/** Followers at once. */
const MOST_FOLLOWERS = 16;
/** Steps that wait for a follower who does not read; what is beyond is left out and said so. */
const MOST_WAITING = 1000;

interface Follower {
  readonly account: string;
  readonly waiting: TraceStep[];
  lost: number;
  wake: () => void;
}

/** Who follows which account's logins. */
export class Traces {
  readonly #followers = new Set<Follower>();

  constructor(
    /** Tells every worker; resolves when all know. */
    private readonly tell: (
      account: string,
      traced: boolean,
    ) => Promise<unknown>,
  ) {}

  /** Accounts that are followed now, each once. */
  accounts(): string[] {
    return [...new Set([...this.#followers].map(({ account }) => account))];
  }

  /** A step from a worker. */
  told(step: TraceStep): void {
    for (const follower of this.#followers) {
      if (follower.account !== step.identifier) continue;
      if (follower.waiting.length < MOST_WAITING) follower.waiting.push(step);
      else follower.lost++;
      follower.wake();
    }
  }

  /** Follow an account, as its normalized identifier, until `signal` is aborted. */
  async *follow(
    account: string,
    signal: AbortSignal,
  ): AsyncGenerator<TraceStep> {
    if (this.#followers.size >= MOST_FOLLOWERS) {
      throw new ControlError("conflict", "too many traces are under way");
    }
    const follower: Follower = { account, waiting: [], lost: 0, wake() {} };
    this.#followers.add(follower);
    const stop = () => follower.wake();
    signal.addEventListener("abort", stop);
    try {
      await this.tell(account, true);
      for (;;) {
        const isOver = signal.aborted;
        yield* this.#take(follower);
        if (isOver) return;
        await new Promise<void>((resolve) => {
          follower.wake = resolve;
          if (follower.waiting.length > 0 || signal.aborted) resolve();
        });
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#followers.delete(follower);
      if (!this.accounts().includes(account)) await this.tell(account, false);
    }
  }

  *#take(follower: Follower): Generator<TraceStep> {
    yield* follower.waiting.splice(0);
    const { account: identifier, lost } = follower;
    if (lost === 0 || follower.waiting.length > 0) return;
    follower.lost = 0;
    const text = `${lost} steps are left out here`;
    yield { identifier, session: "", at: Date.now(), text };
  }
}
