/** What random valid changes of a running proxy have in common, whichever way they are made. */
import type { Certificate } from "./certs.ts";
import type { Mailferry } from "./mailferry.ts";
import type { SeededRandom } from "./random.ts";
import { within } from "./wait.ts";

/** What changes are made on. */
export interface Ground {
  readonly proxy: Mailferry;
  readonly random: SeededRandom;
  /** Path of a runtime socket of the level admin. */
  readonly socket: string;
  /** Ports that nobody else takes; two of them are for the management API. */
  readonly ports: readonly number[];
  /** Served by turns; all are for the same names. */
  readonly certificates: readonly [Certificate, Certificate];
  /** The same mappings, by turns. */
  readonly mappingFiles: readonly [string, string];
  /** Of requests of the management API. */
  readonly turns: Turns;
  /** An account that nobody logs in as. */
  readonly account: string;
}

/** One after the other, whoever asks: a request of the management API finds nobody there while that moves. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(job: () => Promise<T>): Promise<T> {
    const done = this.#last.then(job);
    this.#last = done.catch(() => {});
    return done;
  }
}

export type Change = readonly [name: string, make: () => Promise<unknown>];

/** Makes one change after the other; each must be accepted. */
export abstract class Changes {
  /** How often each was made. */
  readonly made = new Map<string, number>();

  constructor(protected readonly ground: Ground) {}

  protected abstract readonly all: readonly Change[];

  async one(): Promise<void> {
    const [name, make] = this.ground.random.pick(this.all);
    try {
      await within("an answer", make());
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`);
    }
    this.made.set(name, (this.made.get(name) ?? 0) + 1);
  }

  protected below(limit: number): number {
    return this.ground.random.below(limit);
  }
}
