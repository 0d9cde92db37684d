import type { Load } from "./api_traffic.ts";

/** Counts connections of one listener, destination or leg. Times are milliseconds of one clock. */
export class LoadCounter {
  #now = 0;
  #most = 0;
  #total = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #second = 0;
  #inSecond = 0;
  #inSecondBefore = 0;
  #mostRate = 0;
  #lastAt: number | null = null;

  get now(): number {
    return this.#now;
  }

  came(at: number): void {
    this.#now++;
    this.#total++;
    this.#most = Math.max(this.#most, this.#now);
    this.#turn(at);
    this.#inSecond++;
    this.#mostRate = Math.max(this.#mostRate, this.#inSecond);
    this.#lastAt = at;
  }

  went(): void {
    this.#now--;
  }

  carried(bytesIn: number, bytesOut: number): void {
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
  }

  /** What is open stays counted. */
  clear(all: boolean): void {
    this.#most = this.#now;
    this.#mostRate = 0;
    if (all) this.#total = this.#bytesIn = this.#bytesOut = 0;
  }

  view(at: number): Load {
    this.#turn(at);
    return {
      now: this.#now,
      most: this.#most,
      total: this.#total,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      rate: this.#inSecondBefore,
      mostRate: this.#mostRate,
      idleSeconds: this.#lastAt === null
        ? null
        : Math.floor((at - this.#lastAt) / 1000),
    };
  }

  #turn(at: number): void {
    const second = Math.floor(at / 1000);
    if (second === this.#second) return;
    this.#inSecondBefore = second === this.#second + 1 ? this.#inSecond : 0;
    this.#second = second;
    this.#inSecond = 0;
  }
}
