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
  assert.ok(await pool.take());
  assert.equal(all.pairs.length, 1);
  assert.ok(await pool.take());
  const made = all.pairs.length;
  assert.ok(made > 3, `${made}`);
  assert.ok(await pool.take());
  assert.equal(all.pairs.length, made);
  pool.close();
  assert.throws(() => all.pairs[2]!.partner.close());
  assert.equal(await pool.take(), null);
  connections.flat().forEach(close);
});

Deno.test("SeatPool has none where no pair can be made, and no end of others", async () => {
  await using all = await setup();
  let isRefused = true;
  const pool = new SeatPool(() =>
    isRefused ? Promise.reject(new Error("no descriptor")) : all.pair()
  );
  assert.deepEqual(await Promise.all([pool.take(), pool.take()]), [null, null]);
  isRefused = false;
  assert.ok(await pool.take());
  pool.close();
});
