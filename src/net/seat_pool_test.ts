import assert from "node:assert/strict";
import { Ground } from "../../tests/support/proxy_config.ts";
import { close } from "./bridge.ts";
import { libc } from "./libc.ts";
import { loopbackPair } from "./loopback.ts";
import type { Pair } from "./seat.ts";
import { SeatPool } from "./seat_pool.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

/** Makes pairs, and keeps them for the test to look at and to close. */
async function setup() {
  const ground = await Ground.create();
  const { certPem, keyPem } = ground.certificate;
  const material = { cert: certPem, key: keyPem };
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    ...material,
  });
  const { hostname, port } = listener.addr;
  const pairs: Pair[] = [];
  const makeOne = async (): Promise<Pair> => {
    const accepted = listener.accept();
    const inner = await Deno.connect({ hostname, port });
    const pair = { inner, partner: await accepted };
    pairs.push(pair);
    return pair;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    pairs,
    /** One after the other: only one may wait to accept. */
    pair(): Promise<Pair> {
      const made = last.then(makeOne);
      last = made;
      return made;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const { inner, partner } of pairs) {
        close(inner);
        close(partner);
      }
      await ground[Symbol.asyncDispose]();
    },
  };
}

Deno.test("SeatPool makes some seats more where there are many connections, and closes them with itself", async () => {
  await using all = await setup();
  const pool = new SeatPool(() => all.pair());
  const connections = await Promise.all(
    Array.from({ length: 70 }, () => loopbackPair()),
  );
  assert.ok(await pool.take("a"));
  assert.equal(all.pairs.length, 1);
  assert.ok(await pool.take("a"));
  const made = all.pairs.length;
  assert.ok(made > 3, `${made}`);
  assert.ok(await pool.take("a"));
  assert.equal(all.pairs.length, made);
  pool.close();
  assert.throws(() => all.pairs[2]!.partner.close());
  assert.equal(await pool.take("a"), null);
  connections.flat().forEach(close);
});

Deno.test("SeatPool has none where no pair can be made, and no end of others", async () => {
  await using all = await setup();
  let isRefused = true;
  const pool = new SeatPool(() =>
    isRefused ? Promise.reject(new Error("no descriptor")) : all.pair()
  );
  assert.deepEqual(await Promise.all([pool.take("a"), pool.take("a")]), [
    null,
    null,
  ]);
  isRefused = false;
  assert.ok(await pool.take("a"));
  pool.close();
});

Deno.test("SeatPool keeps the seats of one key from another", async () => {
  await using all = await setup();
  const keys = new Map<Deno.TlsConn, string>();
  const pool = new SeatPool<string>(async (key) => {
    const pair = await all.pair();
    keys.set(pair.partner, key);
    return pair;
  });
  const connections = await Promise.all(
    Array.from({ length: 70 }, () => loopbackPair()),
  );
  // The first round counts the connections, the later ones make spares.
  for (const key of ["a", "b", "a", "c", "b", "c", "a", "b"]) {
    const seat = await pool.take(key);
    assert.equal(seat && keys.get(seat.partner), key);
  }
  const together = await Promise.all(["d", "a", "d"].map((k) => pool.take(k)));
  assert.deepEqual(together.map((seat) => keys.get(seat!.partner)), [
    "d",
    "a",
    "d",
  ]);
  pool.close();
  connections.flat().forEach(close);
});

Deno.test("SeatPool leaves nobody waiting for a key of which there are none", async () => {
  await using all = await setup();
  const pool = new SeatPool<string>((key) =>
    key === "bad" ? Promise.reject(new Error("no such key")) : all.pair()
  );
  const [bad, good] = await Promise.all([pool.take("bad"), pool.take("good")]);
  assert.equal(bad, null);
  assert.ok(good);
  pool.close();
});
