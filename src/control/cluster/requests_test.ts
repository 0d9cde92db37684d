import assert from "node:assert/strict";
import { noPredecessors } from "../../../tests/support/nobody_takes_over.ts";
import { Metrics } from "../../observe/metrics.ts";
import type { Parts } from "../parts.ts";
import { ClusterLink } from "./cluster_link.ts";
import { Pins } from "./pins.ts";
import { carryOut } from "./requests.ts";

function setup(pinned: Promise<() => void> = Promise.resolve(() => {})) {
  const log: string[] = [];
  const parts = {
    metrics: new Metrics(),
    log: { error: (event: string) => void log.push(event) },
    cluster: new ClusterLink(),
    predecessors: noPredecessors(),
    resolver: {
      invalidate: (account: string | null) => log.push(`drop ${account}`),
      outdate: (account: string | null) => log.push(`renew ${account}`),
    },
    supervisor: {
      ask(name: string, argument: unknown) {
        log.push(`${name} ${JSON.stringify(argument)}`);
        return Promise.resolve(
          name === "kick" ? [2, 1] : name === "evict" ? [[1, 0], [1, 2]] : [],
        );
      },
    },
    registry: { list: () => [] },
    pin: () => pinned,
    hold: (account: string, seconds: number) => {
      log.push(`held ${account} ${seconds}`);
      return Promise.resolve();
    },
  } as unknown as Parts;
  const ask = (name: string, argument: unknown) =>
    carryOut(parts, { name, argument });
  return { parts, log, ask };
}

Deno.test("carryOut does in this proxy what another one asks", async () => {
  const { log, ask } = setup();
  assert.equal(
    await ask("kick", { target: { account: "a" }, reason: "kicked" }),
    3,
  );
  const moved = ["a", "b"].map((account) => ({ account, destination: "new" }));
  assert.deepEqual(await ask("evict", { moved }), [2, 2]);
  log.length = 0;
  await ask("forget", { identifiers: ["a"], changed: true });
  await ask("forget", { identifiers: null, changed: false });
  await ask("hold", { identifier: "a", seconds: 3 });
  assert.deepEqual(log, [
    "drop a",
    'invalidate {"identifiers":["a"]}',
    "renew null",
    'invalidate {"identifiers":null}',
    "held a 3",
  ]);
  assert.deepEqual(await ask("sessions", { listener: "imaps" }), {
    sessions: [],
    isCut: false,
  });
});

Deno.test("carryOut refuses what it cannot read, in one line, and does nothing", async () => {
  const { log, ask, parts } = setup();
  for (
    const [name, argument] of [
      ["shutdown", {}],
      ["toString", {}],
      ["kick", { target: { all: true }, reason: "kicked" }],
      ["kick", { target: { account: "" }, reason: "kicked" }],
      ["forget", { identifiers: "a", changed: true }],
      ["forget", null],
      ["hold", { identifier: "a", seconds: "3" }],
    ] as const
  ) await assert.rejects(ask(name, argument), { message: /^cannot be asked/ });
  assert.deepEqual(log, []);
  assert.equal(parts.metrics.value("bugs"), 0);
});

Deno.test("carryOut tells nothing of an error of its own but that there was one", async () => {
  const { log, ask, parts } = setup(Promise.reject(new Error("a secret")));
  await assert.rejects(ask("pin", { id: "p", identifiers: ["a"] }), {
    message: "an internal error",
  });
  parts.cluster.pins.close();
  assert.deepEqual(log, ["cluster_internal_error"]);
  assert.equal(parts.metrics.value("bugs"), 1);
});

Deno.test("Pins let go once, also what was let go before it was held", async () => {
  const pins = new Pins();
  let released = 0;
  const held = Promise.withResolvers<() => void>();
  pins.keep("one", held.promise);
  pins.release("one");
  pins.release("one");
  assert.equal(released, 0);
  held.resolve(() => released++);
  await held.promise;
  await Promise.resolve();
  assert.equal(released, 1);
  pins.keep("two", Promise.resolve(() => released++));
  pins.close();
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(released, 2);
});
