import assert from "node:assert/strict";
import { serverName } from "../../config/effective.ts";
import type { Resources } from "../../config/resources.ts";
import type { Config } from "../../config/schema.ts";
import { BASE, configOf } from "../../config/testing.ts";
import { ControlError } from "../api.ts";
import type { OverrideChange } from "../api_overrides.ts";
import { type Served, servedAsIs } from "../served.ts";
import { StateDir } from "../state_dir.ts";
import { Overrides } from "./overrides.ts";

const RESOURCES = { certificates: [] } as unknown as Resources;

/** Overrides over a configuration, and what they put in force. */
class Setting implements AsyncDisposable {
  config: Config = configOf(BASE);
  served: Served = servedAsIs(this.config, RESOURCES);
  /** Thrown in place of the next `put`. */
  failure: Error | null = null;

  private constructor(readonly folder: string) {}

  static async create(): Promise<Setting> {
    return new Setting(await Deno.makeTempDir());
  }

  /** As a process that starts has them. */
  async overrides(): Promise<Overrides> {
    const host = {
      ground: () => ({ config: this.config, resources: RESOURCES }),
      problems: ({ destination }: Config) =>
        Promise.resolve(
          destination["old"]?.host === "bad.example" ? ["it is bad"] : [],
        ),
      exclusively: <T>(job: () => Promise<T>) => job(),
      put: async (served: Served, settle: () => Promise<void>) => {
        if (this.failure) throw this.failure;
        await settle();
        this.served = served;
      },
    };
    const overrides = new Overrides(
      await StateDir.open(this.folder),
      () => host,
      undefined,
      () => new Date("2026-01-02T03:04:05Z"),
    );
    await overrides.load();
    return overrides;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

const set = (kind: string, key: string, value: OverrideChange["value"]) => [
  { kind, key, value },
];

const refused = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof ControlError && error.code === code &&
  message.test(error.message);

Deno.test("Overrides lays what was set over the configuration, which stays as it is", async () => {
  await using t = await Setting.create();
  const overrides = await t.overrides();
  await overrides.change([
    { kind: "server-address", key: "old", value: { host: "other.example" } },
    { kind: "server-address", key: "new/imap", value: { port: 1143 } },
    { kind: "server-state", key: "new", value: "drain" },
    { kind: "maxconn", key: "imap", value: 5 },
  ], "ops");
  const { config, legStates, stopped } = t.served;
  assert.equal(config.destination["old"]!.host, "other.example");
  assert.equal(config.destination["new"]!.protocol.imap!.port, 1143);
  assert.equal(config.destination["new"]!.host, "new.example.com");
  assert.equal(config.listener["imap"]!.max_connections, 5);
  assert.deepEqual([...legStates], [["new/imap", "drain"]]);
  assert.equal(stopped.size, 0);
  assert.equal(t.config.destination["old"]!.host, "old.example.com");
});

Deno.test("Overrides keeps the name in a certificate where a host becomes an address", async () => {
  await using t = await Setting.create();
  const overrides = await t.overrides();
  const nameAt = async (host: string) => {
    await overrides.change(set("server-address", "old", { host }), "ops");
    return serverName(t.served.config.destination["old"]!);
  };
  assert.equal(await nameAt("192.0.2.1"), "old.example.com");
  assert.equal(await nameAt("2001:db8::1"), "old.example.com");
  assert.equal(await nameAt("other.example"), "other.example");
});

Deno.test("Overrides lets a leg's state win over its destination's", async () => {
  await using t = await Setting.create();
  const overrides = await t.overrides();
  await overrides.change(set("server-state", "old/imap", "ready"), "ops");
  await overrides.change(set("server-state", "old", "maint"), "ops");
  assert.deepEqual([...t.served.legStates], []);
});

Deno.test("Overrides survive a restart, and are gone when they are cleared", async () => {
  await using t = await Setting.create();
  const before = await t.overrides();
  await before.change(set("frontend", "imap", "disabled"), "ops");
  await before.change(set("maxconn", "imap", 7), "boss");
  const after = await t.overrides();
  const ground = { config: t.config, resources: RESOURCES };
  assert.deepEqual([...after.lay(ground).stopped], ["imap"]);
  assert.deepEqual(after.list(), [{
    kind: "frontend",
    key: "imap",
    value: "disabled",
    configured: "enabled",
    state: "in-force",
    set_at: "2026-01-02T03:04:05.000Z",
    set_by: "ops",
  }, {
    kind: "maxconn",
    key: "imap",
    value: 7,
    configured: 8192,
    state: "in-force",
    set_at: "2026-01-02T03:04:05.000Z",
    set_by: "boss",
  }]);
  assert.equal(await after.clear({ kind: "maxconn" }, "ops"), 1);
  assert.equal(await after.clear({ kind: "maxconn" }, "ops"), 0);
  assert.equal(await after.clear({}, "ops"), 1);
  assert.deepEqual((await t.overrides()).list(), []);
});

Deno.test("Overrides shows where it hides a later change of the configuration", async () => {
  await using t = await Setting.create();
  const overrides = await t.overrides();
  await overrides.change(set("maxconn", "imap", 7), "ops");
  t.config = configOf(
    BASE.replace("[destination.old]", "max_connections = 50\n$&"),
  );
  const [stale] = overrides.list();
  assert.equal(stale!.state, "stale");
  assert.equal(stale!.configured, 50);
});

Deno.test("Overrides keeps what a later configuration has no place for, without effect", async () => {
  await using t = await Setting.create();
  const overrides = await t.overrides();
  await overrides.change(set("server-state", "new", "maint"), "ops");
  t.config = configOf(
    BASE.replace(/\[destination\.new\][^[]*/, ""),
  );
  assert.equal(overrides.list()[0]!.state, "unused");
  const laid = overrides.lay({ config: t.config, resources: RESOURCES });
  assert.equal(laid.legStates.size, 0);
});

Deno.test("Overrides changes nothing where one of several cannot be", async () => {
  await using t = await Setting.create();
  const overrides = await t.overrides();
  const good = { kind: "maxconn", key: "imap", value: 7 };
  await assert.rejects(
    overrides.change([good, { ...good, key: "pop" }], "ops"),
    refused("unknown", /no maxconn pop/),
  );
  await assert.rejects(
    overrides.change([good, { ...good, value: "many" }], "ops"),
    refused("invalid", /maxconn imap: must be a whole number/),
  );
  await assert.rejects(
    overrides.change([good, { ...good, kind: "weight" }], "ops"),
    refused("unknown", /weight/),
  );
  await assert.rejects(
    overrides.change(
      set("server-address", "old", { host: "bad.example" }),
      "ops",
    ),
    refused("invalid", /it is bad/),
  );
  t.failure = new ControlError("invalid", "cannot bind");
  await assert.rejects(overrides.change([good], "ops"), t.failure);
  assert.deepEqual(overrides.list(), []);
  assert.deepEqual((await t.overrides()).list(), []);
});

Deno.test("Overrides refuses a file that it cannot understand", async () => {
  await using t = await Setting.create();
  for (
    const text of [
      "[",
      "{}",
      '[{"kind":"weight","key":"a","value":1,"base":1,"set_at":"2026-01-02T03:04:05Z","set_by":"x"}]',
    ]
  ) {
    await Deno.writeTextFile(`${t.folder}/overrides.json`, text);
    await assert.rejects(
      t.overrides(),
      refused("failed", /overrides\.json cannot be understood/),
    );
  }
});
