import assert from "node:assert/strict";
import { noPredecessors } from "../../tests/support/nobody_takes_over.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { BASE, configOf } from "../config/testing.ts";
import { Metrics } from "../observe/metrics.ts";
import type { WorkerRequests } from "../port/messages.ts";
import { Resolver } from "../route/resolver.ts";
import { type MappingStore, StoreError } from "../store/store.ts";
import { ClusterLink } from "./cluster/cluster_link.ts";
import { ControlError } from "./api.ts";
import { Limits } from "./limits.ts";
import { Breakers } from "./breakers.ts";
import { Holds } from "./holds.ts";
import { explainRoute } from "./explain.ts";
import type { Parts } from "./parts.ts";
import { Plane, type PlaneHost } from "./plane.ts";
import { SessionRegistry } from "./registry.ts";
import {
  breakerLegs,
  breakerSettings,
  limitSettings,
  resolverSettings,
} from "./settings.ts";

const CONFIG = configOf(
  BASE.replace("[mapping]", '[mapping]\nnormalize = "lowercase"') +
    '[destination.bare]\nhost = "bare.example.com"\n',
);

/** A plane over real parts, with a store and workers of the test's own. */
function setup() {
  const clock = new FakeClock();
  const mappings = new Map([["alice@example.com", "new"]]);
  /** What the workers were asked and when the store was written, in order. */
  const log: string[] = [];
  const failing: { error: StoreError | null } = { error: null };
  const fail = () => {
    if (failing.error) throw failing.error;
  };
  const store = {
    source: "file",
    writable: true,
    get: (identifier: string) =>
      Promise.resolve(mappings.get(identifier) ?? null),
    async set(identifier: string, destination: string) {
      await Promise.resolve();
      fail();
      log.push(`set ${identifier}`);
      mappings.set(identifier, destination);
    },
    async delete(identifier: string) {
      await Promise.resolve();
      return mappings.delete(identifier);
    },
    unstorable: (identifier: string) =>
      identifier.startsWith("#") ? "begins with #" : null,
    async reload() {
      await Promise.resolve();
      fail();
      log.push("reload");
    },
  } as unknown as MappingStore;
  const kicked = [2, 0, 1];
  const registry = new SessionRegistry(() => {});
  const holds = new Holds(
    () => 100,
    clock,
    (identifiers, held) =>
      void log.push(`${held ? "hold" : "release"} ${identifiers}`),
  );
  const breakers = new Breakers(breakerSettings(CONFIG), clock, () => {});
  breakers.configure(
    breakerSettings(CONFIG),
    Object.keys(CONFIG.destination),
    breakerLegs(CONFIG),
  );
  const parts = {
    store,
    registry,
    holds,
    limits: new Limits(
      { ...limitSettings(CONFIG), failuresPerAccount: 2 },
      clock,
    ),
    breakers,
    metrics: new Metrics(),
    resolver: new Resolver(store, resolverSettings(CONFIG), {
      storeFailed: () => {},
      undeclared: () => {},
    }, clock),
    predecessors: noPredecessors(),
    cluster: new ClusterLink(),
    supervisor: {
      ask(name: keyof WorkerRequests, argument: unknown) {
        log.push(`${name} ${JSON.stringify(argument)}`);
        return Promise.resolve(name === "kick" ? kicked : []);
      },
    },
    hold(account: string, seconds: number) {
      holds.delay(account, seconds);
      return Promise.resolve();
    },
  } as unknown as Parts;
  const plane = new Plane(parts, {
    served: () => CONFIG,
    tables: () => ({}),
  } as unknown as PlaneHost);
  return { plane, parts, log, mappings, failing, registry, holds };
}

const refused = (code: string, message?: RegExp) => (error: unknown) =>
  error instanceof ControlError && error.code === code &&
  (message?.test(error.message) ?? true);

Deno.test("Plane.mapping shows how an account is routed, by its normalized form", async () => {
  const { plane } = setup();
  const view = {
    identifier: "ALICE@example.com%admin",
    normalized: "alice@example.com",
    destination: "new",
    routed_to_default: false,
  };
  assert.deepEqual(await plane.mapping(view.identifier), {
    ...view,
    cached: false,
  });
  assert.deepEqual(await plane.mapping(view.identifier), {
    ...view,
    cached: true,
  });
  const unknown = await plane.mapping("bob@example.com");
  assert.equal(unknown.destination, "old");
  assert.equal(unknown.routed_to_default, true);
});

Deno.test("Plane.setMapping resolves once no worker routes by the old mapping", async () => {
  const { plane, log, mappings } = setup();
  assert.equal((await plane.mapping("alice@example.com")).destination, "new");
  await plane.setMapping("Alice@example.com", "old");
  assert.deepEqual(log, [
    "set alice@example.com",
    'invalidate {"identifiers":["alice@example.com"]}',
  ]);
  assert.equal(mappings.get("alice@example.com"), "old");
  assert.equal((await plane.mapping("alice@example.com")).destination, "old");
  assert.equal(await plane.deleteMapping("alice@example.com"), true);
  assert.equal(await plane.deleteMapping("alice@example.com"), false);
  assert.equal((await plane.mapping("alice@example.com")).cached, false);
});

Deno.test("Plane refuses mappings that cannot be, and tells apart why", async () => {
  const { plane, parts, failing, log } = setup();
  const set = (identifier: string, destination = "new") =>
    plane.setMapping(identifier, destination);
  await assert.rejects(set("alice", "nowhere"), refused("unknown"));
  await assert.rejects(set("alice", "constructor"), refused("unknown"));
  const bare = refused("invalid", /^destination bare has no leg for imap, /);
  await assert.rejects(set("alice", "bare"), bare);
  await assert.rejects(set(""), refused("invalid"));
  await assert.rejects(set("a b"), refused("invalid"));
  await assert.rejects(set("a\r\nb"), refused("invalid"));
  await assert.rejects(set("x".repeat(321)), refused("invalid"));
  await assert.rejects(set("#alice"), refused("invalid", /begins with #/));
  assert.deepEqual(log, []);
  failing.error = new StoreError("write-failed", "disk full");
  await assert.rejects(set("alice"), refused("failed", /disk full/));
  // Whether the store took it is not known: it is asked before anybody is routed by what was known.
  assert.deepEqual(log, ['invalidate {"identifiers":["alice"]}']);
  Object.assign(parts.store, { writable: false });
  await assert.rejects(set("alice"), refused("read-only"));
  await assert.rejects(plane.deleteMapping("alice"), refused("read-only"));
});

Deno.test("Plane.reloadMappings forgets everything, or nothing when the source is bad", async () => {
  const { plane, failing, log } = setup();
  await plane.reloadMappings();
  assert.deepEqual(log, ["reload", 'invalidate {"identifiers":null}']);
  failing.error = new StoreError("bad-data", "line 3");
  await assert.rejects(plane.reloadMappings(), refused("failed", /line 3/));
  assert.equal(log.length, 2);
});

Deno.test("Plane.kick ends an account's sessions in every worker and counts them", async () => {
  const { plane, log } = setup();
  assert.equal(await plane.kick("Alice@example.com"), 3);
  assert.equal(await plane.closeSession("s1", "kicked"), true);
  assert.deepEqual(log, [
    'kick {"target":{"account":"alice@example.com"},"reason":"kicked"}',
    'kick {"target":{"session":"s1"},"reason":"kicked"}',
  ]);
  await assert.rejects(async () => await plane.kick(""), refused("invalid"));
});

Deno.test("Plane.delay holds the account by its normalized form", async () => {
  const { plane, holds, log } = setup();
  await plane.delay("Alice@example.com", 500);
  assert.equal(holds.of("alice@example.com")?.remaining, 120_000);
  await plane.delay("alice@example.com", 0);
  assert.equal(holds.of("alice@example.com"), null);
  assert.deepEqual(log, [
    "hold alice@example.com",
    "release alice@example.com",
  ]);
});

Deno.test("Plane.invalidate forgets one account or all", async () => {
  const { plane, parts, log } = setup();
  await plane.mapping("alice@example.com");
  await plane.mapping("bob@example.com");
  await plane.invalidate("ALICE@example.com");
  assert.equal(parts.resolver.peekCached("alice@example.com"), null);
  assert.ok(parts.resolver.peekCached("bob@example.com"));
  await plane.invalidate(null);
  assert.equal(parts.resolver.peekCached("bob@example.com"), null);
  assert.deepEqual(log, [
    'invalidate {"identifiers":["alice@example.com"]}',
    'invalidate {"identifiers":null}',
  ]);
});

Deno.test("Plane.sessions asks the workers for their latest first", async () => {
  const { plane, registry, log } = setup();
  registry.apply(0, [{
    kind: "open",
    id: "s1",
    listener: "imap",
    protocol: "imap",
    peer: "192.0.2.1:50000",
    since: 0,
  }, { kind: "change", id: "s1", identifier: "alice@example.com" }]);
  const found = await plane.sessions({ identifier: "ALICE@example.com" });
  assert.deepEqual(found.map(({ id }) => id), ["s1"]);
  assert.deepEqual(await plane.sessions({ listener: "other" }), []);
  assert.deepEqual(log, ["flush null", "flush null"]);
});

Deno.test("Plane.stats adds the workers' own cache hits", async () => {
  const { plane, parts } = setup();
  assert.equal((await plane.stats()).hit_rate_pct, 0);
  await plane.mapping("alice@example.com");
  await plane.mapping("alice@example.com");
  parts.metrics.add("cache_hits", 1);
  assert.deepEqual(await plane.stats(), {
    cache_hits: 2,
    cache_misses: 1,
    hit_rate_pct: 66.67,
    cache_entries: 1,
    active_connections: 0,
  });
});

Deno.test("Plane.resetDestination knows its destinations", () => {
  const { plane } = setup();
  plane.resetDestination("old");
  assert.throws(() => plane.resetDestination("nowhere"), refused("unknown"));
});

Deno.test("Plane.limits and Plane.clearLimit take an account in any spelling that routes alike", async () => {
  const { plane, parts } = setup();
  const account = "alice@example.com";
  for (const client of ["192.0.2.1", "192.0.2.2"]) {
    parts.limits.failed({ client, account });
  }
  const refused = {
    kind: "account" as const,
    name: account,
    failures: 2,
    refused_seconds: 900,
    connections: {},
  };
  const list = { counted: 1, limits: [refused] };
  assert.deepEqual(plane.limits(null), list);
  const target = { identifier: "ALICE@example.com%admin" };
  assert.deepEqual(plane.limits(target), list);
  assert.deepEqual(plane.limits({ address: "192.0.2.1" }).limits, []);
  assert.match(
    (await plane.explain(account)).refused!,
    /too many failed logins/,
  );
  assert.equal(plane.clearLimit(target), true);
  assert.equal(plane.clearLimit(target), false);
  assert.equal((await plane.explain(account)).refused, null);
  assert.throws(
    () => plane.limits({ identifier: "a b" }),
    (error) => error instanceof ControlError && error.code === "invalid",
  );
});

Deno.test("Plane.limits cuts a very long list and says how long it is", () => {
  const { plane, parts } = setup();
  for (let i = 0; i < 1500; i++) {
    parts.limits.failed({ client: "192.0.2.1", account: `a${i}` });
  }
  const { counted, limits } = plane.limits(null);
  assert.deepEqual([counted, limits.length], [1500, 1000]);
});

Deno.test("Plane.explain goes through the steps of a login", async () => {
  const { plane, parts, holds } = setup();
  holds.delay("alice@example.com", 30);
  for (let i = 0; i < 5; i++) {
    parts.breakers.report({
      destination: "new",
      protocol: "imap",
      outcome: "connect",
      client: "192.0.2.1",
    });
  }
  const explained = await plane.explain("Alice@example.com%admin");
  assert.equal(explained.destination, "new");
  assert.match(explained.refused!, /new is down/);
  const told = new Map(explained.steps.map((s) => [s.step, s.result]));
  assert.match(told.get("master user")!, /alice@example\.com is the mailbox/);
  assert.match(told.get("hold")!, /another 30 s/);
  assert.equal(told.get("lookup"), "mapped to new (file)");
  assert.match(
    told.get("imap")!,
    /^new\.example\.com port 143, tls starttls, forwarding proxy, down$/,
  );
  const bob = await plane.explain("bob@example.com");
  assert.equal(bob.refused, null);
  assert.match(JSON.stringify(bob.steps), /default destination old/);
  const routed = {
    ...CONFIG,
    listener: {
      mail: {
        ...CONFIG.listener["imap"]!,
        protocol: "lmtp" as const,
        route: "recipient" as const,
      },
    },
  };
  const detail = await explainRoute("alice+box@example.com", parts, routed);
  assert.deepEqual(detail.steps.find(({ step }) => step === "mail"), {
    step: "mail",
    result: "for alice@example.com, which is mapped to new",
  });
  const none = await explainRoute("bob+box@example.com", parts, routed);
  assert.ok(none.steps.every(({ step }) => step !== "mail"));
  const last = none.steps.at(-1);
  assert.deepEqual(last, { step: "lmtp", result: "no leg: mail is put off" });
  const { mail } = routed.listener;
  const bridged = { mail: { ...mail, route: "passthrough" as const } };
  const past = await explainRoute("bob@example.com", parts, {
    ...routed,
    listener: bridged,
  });
  assert.ok(past.steps.every(({ step }) => step !== "lmtp"));
  const bad = await plane.explain("a b");
  assert.equal(bad.destination, null);
  assert.ok(bad.refused);
  holds.close();
});
