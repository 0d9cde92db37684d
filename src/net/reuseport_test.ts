import assert from "node:assert/strict";
import { libc } from "./libc.ts";
import { listenersAt, steer, steerNoMore } from "./reuseport.ts";

// Loaded once for the process; a test must not be blamed for it.
libc();

const HOST = "127.0.0.1";

/** Sockets that share a port, in the order of their places, and who got how many connections. */
class Group implements Disposable {
  readonly counts: number[] = [];
  readonly #listeners: Deno.TcpListener[] = [];
  port = 0;

  constructor(count: number) {
    for (let i = 0; i < count; i++) this.add();
  }

  get address() {
    return { hostname: HOST, port: this.port };
  }

  add(): void {
    const listener = Deno.listen({ ...this.address, reusePort: true });
    this.port = listener.addr.port;
    const place = this.#listeners.push(listener) - 1;
    this.counts[place] = 0;
    void (async () => {
      for await (const connection of listener) {
        this.counts[place]!++;
        await connection.write(new Uint8Array(1));
        connection.close();
      }
    })();
  }

  close(place: number): void {
    this.#listeners[place]!.close();
  }

  /** Who gets each of so many connections. */
  async spread(connections: number): Promise<number[]> {
    const before = [...this.counts];
    for (let i = 0; i < connections; i++) {
      using connection = await Deno.connect(this.address);
      await connection.read(new Uint8Array(1));
    }
    return this.counts.map((count, i) => count - before[i]!);
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) {
      try {
        listener.close();
      } catch {
        // The test has closed it.
      }
    }
  }
}

Deno.test("steer keeps new connections where they were while others bind the port", async () => {
  using group = new Group(2);
  assert.deepEqual(listenersAt([group.address]), [2]);
  assert.ok(steer([{ address: group.address, from: 0, count: 2 }]));
  group.add();
  group.add();
  const [first, second, ...others] = await group.spread(100);
  assert.deepEqual(others, [0, 0]);
  assert.ok(first! > 0 && second! > 0);
});

Deno.test("steer sends no connection to a socket that is about to be closed, whichever is closed first", async () => {
  for (const order of [[0, 1], [1, 0]]) {
    using group = new Group(4);
    assert.ok(steer([{ address: group.address, from: 2, count: 2 }]));
    assert.deepEqual((await group.spread(50)).slice(0, 2), [0, 0]);
    // The place behind all that go stays a new one's until the last of them is closed.
    assert.ok(steer([{ address: group.address, from: 2, count: 1 }]));
    group.close(order[0]!);
    assert.equal((await group.spread(50))[order[1]!], 0);
    group.close(order[1]!);
    assert.deepEqual((await group.spread(50)).slice(0, 2), [0, 0]);
    steerNoMore([group.address]);
    const [third, fourth] = (await group.spread(100)).slice(2);
    assert.ok(third! > 0 && fourth! > 0);
  }
});

Deno.test("steer says so where there is nothing to steer", () => {
  assert.ok(
    !steer([{ address: { hostname: HOST, port: 1 }, from: 0, count: 1 }]),
  );
});
