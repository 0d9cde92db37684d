/**
 * Changes pass here, whoever asks for them. While a new process gets ready to take over they wait, so
 * that nothing changes behind what it was told; then they are done here after all, or carried to it.
 */
export class ChangeGate {
  #underWay = 0;
  #idle = Promise.withResolvers<void>();
  #closed: PromiseWithResolvers<void> | null = null;
  #left = false;

  /** True once changes and questions are for another process. */
  get elsewhere(): boolean {
    return this.#left;
  }

  /** Do a change here, or have it done elsewhere. */
  async change<T>(
    here: () => T | Promise<T>,
    elsewhere: () => Promise<T>,
  ): Promise<T> {
    // Not awaited where it is open: who has passed here must be counted before anybody can close it.
    while (this.#closed) await this.#closed.promise;
    if (this.#left) return await elsewhere();
    this.#underWay++;
    try {
      return await here();
    } finally {
      if (--this.#underWay === 0) this.#idle.resolve();
    }
  }

  /** From now on changes wait; resolves when those under way are done. */
  async close(): Promise<void> {
    this.#closed ??= Promise.withResolvers<void>();
    if (this.#underWay === 0) return;
    this.#idle = Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  /** Those who waited go on: here, or elsewhere where another process has taken over. */
  open({ elsewhere }: { readonly elsewhere: boolean }): void {
    this.#left = elsewhere;
    this.#closed?.resolve();
    this.#closed = null;
  }
}
