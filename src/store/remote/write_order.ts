/** Lets writes that share an identifier happen one after another, in the order in which they were asked for. */
export class WriteOrder {
  /** The last write of each identifier that is not done. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Run `write` once those before it that share one of `identifiers` are done, however they went. */
  run<T>(
    identifiers: Iterable<string>,
    write: () => Promise<T>,
  ): Promise<T> {
    const mine = [...identifiers];
    const earlier = new Set(
      mine.map((identifier) => this.#last.get(identifier)),
    );
    earlier.delete(undefined);
    const done = earlier.size === 0
      ? write()
      : Promise.allSettled(earlier).then(write);
    for (const identifier of mine) this.#last.set(identifier, done);
    const forget = () => {
      for (const identifier of mine) {
        if (this.#last.get(identifier) === done) this.#last.delete(identifier);
      }
    };
    done.then(forget, forget);
    return done;
  }

  /** All that is not done. */
  get pending(): Iterable<Promise<unknown>> {
    return this.#last.values();
  }
}
