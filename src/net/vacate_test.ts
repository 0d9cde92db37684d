import assert from "node:assert/strict";
import { libc } from "./libc.ts";
import { Vacating } from "./vacate.ts";

// Loaded once for the process; a test must not be blamed for it.
libc();

const HOST = "127.0.0.1";

const listen = (port = 0) =>
  Deno.listen({ hostname: HOST, port, reusePort: true });

/** The name of whoever accepts each of so many connections. */
async function whoAccepts(
  port: number,
  listeners: Record<string, Deno.TcpListener>,
  connections: number,
): Promise<Set<string>> {
  const seen = new Set<string>();
  const accepting = Object.entries(listeners).map(async ([name, listener]) => {
    for await (const connection of listener) {
      seen.add(name);
      connection.close();
    }
  });
  for (let i = 0; i < connections; i++) {
    using connection = await Deno.connect({ hostname: HOST, port });
    await connection.read(new Uint8Array(1));
  }
  for (const listener of Object.values(listeners)) listener.close();
  await Promise.all(accepting);
  return seen;
}

/** Resolves once `promise` has had every chance to settle and has not. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  return !settled;
}

Deno.test("Vacating waits for what was taken, and sends what comes to the successor", async () => {
  const old = [listen()];
  const { port } = old[0]!.addr;
  old.push(listen(port));
  const address = { hostname: HOST, port };
  // Nobody accepts them yet.
  const early = await Promise.all(
    Array.from({ length: 8 }, () => Deno.connect({ ...address })),
  );
  const vacating = new Vacating([address]);
  const fresh = [listen(port), listen(port)];
  const clear = vacating.clear([address]);
  assert.ok(await isPending(clear));
  const accepted: Deno.Conn[] = [];
  const accepting = old.map(async (listener) => {
    for await (const connection of listener) accepted.push(connection);
  });
  await clear;
  assert.equal(accepted.length, early.length);
  using late = await Deno.connect({ ...address });
  assert.equal(accepted.length, early.length);
  assert.ok(late);
  for (const listener of old) listener.close();
  await Promise.all(accepting);
  vacating.done();
  const seen = await whoAccepts(port, { a: fresh[0]!, b: fresh[1]! }, 50);
  assert.deepEqual([...seen].sort(), ["a", "b"]);
  for (const connection of [...early, ...accepted]) connection.close();
});

Deno.test("Vacating lets nobody come to an address that is given up, and resets nobody", async () => {
  const old = listen();
  const { port } = old.addr;
  const kept = listen();
  const address = { hostname: HOST, port };
  const early = await Deno.connect({ ...address });
  const vacating = new Vacating([address, kept.addr]);
  const clear = vacating.clear([kept.addr]);
  const accepted = await old.accept();
  await clear;
  const late = Deno.connect({ ...address });
  assert.ok(await isPending(late));
  old.close();
  vacating.done();
  // Its packet comes again a second later, and finds nobody.
  await assert.rejects(late, Deno.errors.ConnectionRefused);
  await accepted.write(new Uint8Array(1));
  assert.equal(await early.read(new Uint8Array(2)), 1);
  assert.deepEqual(
    [...await whoAccepts(kept.addr.port, { kept }, 3)],
    ["kept"],
  );
  early.close();
  accepted.close();
});

Deno.test("Vacating keeps its hands off sockets that stay", async () => {
  const kept = listen();
  const { addr } = kept;
  const vacating = new Vacating([addr]);
  await vacating.clear([addr]);
  vacating.done();
  assert.deepEqual([...await whoAccepts(addr.port, { kept }, 20)], ["kept"]);
});
