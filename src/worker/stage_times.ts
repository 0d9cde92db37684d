import type { LoginStage } from "../observe/metric_names.ts";

/** How long a login took, in its stages; those that it has been through. Milliseconds. */
export class StageTimes {
  /** Made when there is something to count. */
  #spent: Map<LoginStage, number> | null = null;
  readonly #begun = performance.now();

  add(stage: LoginStage, ms: number): void {
    this.#spent ??= new Map();
    this.#spent.set(stage, this.of(stage) + ms);
  }

  /** What does not end well is not counted. */
  async during<T>(stage: LoginStage, job: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    const done = await job();
    this.add(stage, performance.now() - begun);
    return done;
  }

  of(stage: LoginStage): number {
    return this.#spent?.get(stage) ?? 0;
  }

  /** Since the login was complete. */
  get total(): number {
    return performance.now() - this.#begun;
  }

  all(): Iterable<[LoginStage, number]> {
    return this.#spent ?? [];
  }
}
