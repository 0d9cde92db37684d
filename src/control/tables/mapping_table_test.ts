import assert from "node:assert/strict";
import { ClusterLink } from "../cluster/cluster_link.ts";
import { noPredecessors } from "../../../tests/support/nobody_takes_over.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { BASE, configOf } from "../../config/testing.ts";
import { Resolver } from "../../route/resolver.ts";
import { FileStore } from "../../store/file.ts";
import { ControlError } from "../api.ts";
import type { Parts } from "../parts.ts";
import { resolverSettings } from "../settings.ts";
import { MappingTable } from "./mapping_table.ts";

const CONFIG = configOf(
  BASE.replace("[mapping]", '[mapping]\nnormalize = "lowercase"') +
    '[destination.bare]\nhost = "bare.example.com"\n',
);

/** A table over a mapping file and a resolver, with workers of the test's own. */
async function setup(mappings = "") {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/mappings`;
  await Deno.writeTextFile(path, mappings);
  const store = await FileStore.open({
    path,
    normalize: (identifier) => identifier,
    checkDestination: () => null,
    warn: () => {},
  });
  const events = { storeFailed: () => {}, undeclared: () => {} };
  const resolver = new Resolver(
    store,
    resolverSettings(CONFIG),
    events,
    new FakeClock(),
  );
  const setting = {
    path,
    store,
    resolver,
    /** What the workers were asked. */
    asked: [] as unknown[],
    /** What they do meanwhile. */
    meanwhile: () => Promise.resolve(),
  };
  const parts = {
    store,
    resolver,
    predecessors: noPredecessors(),
    cluster: new ClusterLink(),
    supervisor: {
      async ask(name: string, argument: unknown) {
        setting.asked.push([name, argument]);
        await setting.meanwhile();
        return [];
      },
    },
  } as unknown as Parts;
  const plane = {
    setMapping: () => Promise.reject(new Error("one by one")),
    deleteMapping: () => Promise.resolve(true),
  };
  return {
    ...{ table: new MappingTable(parts, () => CONFIG, plane), setting },
    async routed(identifier: string) {
      const route = await resolver.resolve(identifier);
      return "refused" in route ? route.refused : route.destination;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("MappingTable.replace changes all mappings in one write", async () => {
  await using t = await setup("alice old\nbob new\ncarol new\n");
  const wave = new Map([["alice", "new"], ["bob", "new"]]);
  await t.table.replace(wave);
  assert.equal(
    await Deno.readTextFile(t.setting.path),
    "alice\tnew\nbob\tnew\n",
  );
  assert.deepEqual(t.setting.asked, [
    ["invalidate", { identifiers: ["alice", "carol"] }],
  ]);
  assert.equal(await t.routed("alice"), "new");
  assert.equal(await t.routed("carol"), "old");
});

Deno.test("MappingTable.merge keeps the mappings that it does not name", async () => {
  await using t = await setup("alice old\nbob new\n");
  await t.table.merge(new Map([["alice", "new"], ["dave", "new"]]));
  assert.equal(await t.table.size(), 3);
  const entries = await Array.fromAsync(t.table.entries());
  assert.deepEqual(entries.map(({ key, value }) => `${key} ${value}`), [
    "alice new",
    "bob new",
    "dave new",
  ]);
  assert.deepEqual(await t.table.find("ALICE"), { key: "alice", value: "new" });
  assert.equal(await t.table.find("nobody"), null);
});

Deno.test("MappingTable answers no lookup between the first worker that forgets and the change", async () => {
  await using t = await setup("alice old\nbob old\n");
  assert.equal(await t.routed("alice"), "old");
  const answers: string[] = [];
  const asking: Promise<void>[] = [];
  t.setting.meanwhile = async () => {
    // Cached or not, the answers come from behind the change.
    for (const who of ["alice", "bob"]) {
      asking.push(t.routed(who).then((to) => void answers.push(to)));
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(answers, []);
    assert.equal(await t.setting.store.get("alice"), "old");
  };
  await t.table.merge(new Map([["alice", "new"], ["bob", "new"]]));
  await Promise.all(asking);
  assert.deepEqual(answers, ["new", "new"]);
});

Deno.test("MappingTable lets lookups go on when a write fails", async () => {
  await using t = await setup("alice old\n");
  t.setting.meanwhile = () => Deno.remove(t.setting.path);
  await assert.rejects(
    t.table.merge(new Map([["alice", "new"], ["bob", "new"]])),
    (error) => error instanceof ControlError && error.code === "failed",
  );
  assert.equal(await t.routed("alice"), "old");
});

Deno.test("MappingTable judges accounts and destinations before they are prepared", async () => {
  await using t = await setup();
  const judge = (key: string, value: string) => t.table.judge({ key, value });
  assert.deepEqual(judge("Alice%admin", "new"), { key: "alice", value: "new" });
  const cases = [
    ["", "new", /empty/],
    ["#alice", "new", /#/],
    ["a\0b", "new", /control character/],
    ["alice", "gone", /^unknown destination 'gone'$/],
    ["alice", "bare", /no leg for imap/],
  ] as const;
  for (const [key, value, message] of cases) {
    assert.throws(
      () => judge(key, value),
      (error) =>
        error instanceof ControlError && error.code === "invalid" &&
        message.test(error.message),
      `${key} ${value}`,
    );
  }
  await assert.rejects(
    t.table.replace(new Map([["alice", "gone"]])),
    ControlError,
  );
});

Deno.test("MappingTable has the workers forget everything when very much changes", async () => {
  await using t = await setup("alice old\n");
  const wave = new Map(
    Array.from({ length: 10_001 }, (_, i) => [`user${i}`, "new"]),
  );
  await t.table.merge(wave);
  assert.deepEqual(t.setting.asked, [["invalidate", { identifiers: null }]]);
  assert.equal(await t.routed("user10000"), "new");
});
