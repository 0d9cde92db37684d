import type { KnownMember } from "./members.ts";
import type { Answer } from "./message.ts";
import type { NumberedRequest } from "./owed.ts";

/** How long answers are waited for. */
export const ANSWER_MS = 1000;

/** What became of a request. */
export interface Echo {
  /** By the name of the member. */
  readonly answers: ReadonlyMap<string, unknown>;
  /** Who did not answer, and why; one line each. */
  readonly unreached: readonly string[];
}

/** A request that all other members were asked, and what has come back. */
export class Inquiry {
  readonly #pending: Set<string>;
  readonly #answers = new Map<string, unknown>();
  readonly #failed: string[] = [];
  readonly #over = Promise.withResolvers<void>();

  /** Those of `members` that are silent are not waited for. */
  constructor(
    readonly request: NumberedRequest,
    private readonly members: readonly KnownMember[],
  ) {
    this.#pending = new Set(
      members.flatMap(({ id, isSilent }) => isSilent ? [] : [id]),
    );
    this.#settle();
  }

  /** Resolves when nobody is waited for any more. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** All who were waited for have answered, and there was somebody. */
  get isAnswered(): boolean {
    return this.#pending.size === 0 &&
      this.members.some(({ isSilent }) => !isSilent);
  }

  awaits(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Of a member that is waited for; `node` is its name. */
  answer(node: string, { from, result, failed }: Answer): void {
    if (!this.#pending.delete(from)) return;
    const name = this.#answers.has(node) ? `${node} (${from})` : node;
    if (failed === undefined) this.#answers.set(name, result);
    else this.#failed.push(`${node}: ${failed}`);
    this.#settle();
  }

  /** It has nothing to do with this any more. */
  left(id: string): void {
    if (this.#pending.delete(id)) this.#settle();
  }

  /** Wait no longer. */
  giveUp(): void {
    this.#over.resolve();
  }

  /** Who was not asked, or has not answered. */
  get missing(): readonly KnownMember[] {
    return this.members.filter(({ id, isSilent }) =>
      isSilent || this.#pending.has(id)
    );
  }

  /** `isConnected`: on the same line on which it was asked. */
  echo(isConnected: boolean): Echo {
    const missing = this.missing.map(({ node, age, isSilent }) =>
      isSilent
        ? `${node}: silent for ${Math.round(age / 1000)} s`
        : isConnected
        ? `${node}: no answer within ${ANSWER_MS} ms`
        : `${node}: the connection to the bus was lost`
    );
    return {
      answers: this.#answers,
      unreached: [...this.#failed, ...missing],
    };
  }

  #settle(): void {
    if (this.#pending.size === 0) this.#over.resolve();
  }
}
