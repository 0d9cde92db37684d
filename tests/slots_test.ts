/** Both ends of the connection slots together, which no folder of src may import at once. */
import assert from "node:assert/strict";
import { SlotPool } from "../src/control/slots.ts";
import { SlotLease } from "../src/worker/slot_lease.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { SeededRandom } from "./support/random.ts";

/** Workers and control plane joined by message queues that the test empties in random order. */
class Network {
  readonly random: SeededRandom;
  readonly pool: SlotPool;
  readonly leases: SlotLease[] = [];
  /** Connections in use, by worker. */
  readonly used: number[];
  /** In each direction of each worker messages keep their order, as on a MessagePort. */
  readonly #queues: (() => void)[][] = [];

  constructor(seed: number, workers: number, limit: number) {
    this.random = new SeededRandom(seed);
    this.used = Array(workers).fill(0);
    for (let i = 0; i < workers * 2; i++) this.#queues.push([]);
    this.pool = new SlotPool(
      (worker) =>
        new Promise((resolve) => {
          this.#down(worker, () => {
            const count = this.leases[worker]!.reclaim("imaps");
            this.#up(worker, () => resolve(count));
          });
        }),
      new FakeClock(),
    );
    this.pool.configure(new Map([["imaps", limit]]));
    for (let worker = 0; worker < workers; worker++) {
      this.leases.push(
        new SlotLease({
          call: (_, { want }) =>
            new Promise((resolve) => {
              this.#up(worker, async () => {
                const granted = await this.pool.grant(worker, "imaps", want);
                this.#down(worker, () => resolve(granted));
              });
            }),
          notify: (_, { count }) =>
            this.#up(worker, () => this.pool.back(worker, "imaps", count)),
        }),
      );
    }
  }

  get total(): number {
    return this.used.reduce((a, b) => a + b, 0);
  }

  async connect(worker: number): Promise<boolean> {
    const admitted = await this.leases[worker]!.take("imaps");
    if (admitted) this.used[worker]!++;
    return admitted;
  }

  disconnect(worker: number): void {
    this.used[worker]!--;
    this.leases[worker]!.release("imaps");
  }

  /** Deliver one message; false when none is under way. */
  async step(): Promise<boolean> {
    const full = this.#queues.filter((queue) => queue.length > 0);
    if (full.length === 0) return false;
    this.random.pick(full).shift()!();
    for (let i = 0; i < 20; i++) await null;
    return true;
  }

  async settle(): Promise<void> {
    while (await this.step());
  }

  #up(worker: number, deliver: () => void): void {
    this.#queues[worker * 2]!.push(deliver);
  }

  #down(worker: number, deliver: () => void): void {
    this.#queues[worker * 2 + 1]!.push(deliver);
  }
}

Deno.test("connection slots admit exactly two of two wherever they land", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const net = new Network(seed, 4, 2);
    const all = Array.from(
      { length: 6 },
      () => net.connect(net.random.below(4)),
    );
    await net.settle();
    const admitted = (await Promise.all(all)).filter(Boolean).length;
    assert.equal(admitted, 2, `seed ${seed}`);
    const worker = net.used.findIndex((count) => count > 0);
    net.disconnect(worker);
    await net.settle();
    const next = net.connect(net.random.below(4));
    await net.settle();
    assert.equal(await next, true);
  }
});

Deno.test("connection slots never exceed the limit, refuse only when full, and lose none", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const limit = [1, 5, 60, 200, 500][seed % 5]!;
    const net = new Network(seed, 4, limit);
    const open: Promise<boolean>[] = [];
    for (let step = 0; step < 1500; step++) {
      const busy = net.used.flatMap((count, worker) => count > 0 ? worker : []);
      const what = net.random.below(10);
      if (what < 5) open.push(net.connect(net.random.below(4)));
      else if (what < 7 && busy.length > 0) {
        net.disconnect(net.random.pick(busy));
      } else await net.step();
      assert.ok(net.total <= limit, `seed ${seed}: ${net.total} of ${limit}`);
    }
    await net.settle();
    await Promise.all(open);
    // At rest every last slot can be had, whichever worker it is asked of.
    while (net.total < limit) {
      const next = net.connect(net.random.below(4));
      await net.settle();
      assert.equal(await next, true, `seed ${seed}: at ${net.total}`);
    }
    const over = net.connect(0);
    await net.settle();
    assert.equal(await over, false);
    for (const [worker, count] of net.used.entries()) {
      for (let i = 0; i < count; i++) net.disconnect(worker);
    }
    await net.settle();
    for (const lease of net.leases) lease.configure([]);
    await net.settle();
    assert.equal(net.pool.granted("imaps"), 0, "nothing leaks");
  }
});
