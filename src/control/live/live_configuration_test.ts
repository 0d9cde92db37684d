import assert from "node:assert/strict";
import { Secrets } from "../../config/document/secrets.ts";
import { parse } from "smol-toml";
import { Authority } from "../../../tests/support/certs.ts";
import { fingerprint } from "../../config/document/fingerprint.ts";
import { type Json, toJson } from "../../config/document/json.ts";
import { emptyEnv, TOKEN } from "../../config/testing.ts";
import { Metrics } from "../../observe/metrics.ts";
import { ControlError } from "../api.ts";
import { BindError } from "../binds.ts";
import { readConfig } from "../opening.ts";
import { Overrides } from "../overrides/overrides.ts";
import type { Parts } from "../parts.ts";
import type { Served } from "../served.ts";
import { StateDir } from "../state_dir.ts";
import type { PutOptions } from "./in_force.ts";
import { LiveConfiguration } from "./live_configuration.ts";
import { SavedConfiguration } from "./saved_configuration.ts";

type Table = { [key: string]: Json };

/** A live configuration over a file, whose effects are written down in place of being served. */
class Setting implements AsyncDisposable {
  live!: LiveConfiguration;
  overrides!: Overrides;
  served!: Served;
  readonly puts: { reread: boolean }[] = [];
  readonly events: string[] = [];
  /** Thrown in place of the next put. */
  failure: Error | null = null;

  private constructor(readonly folder: string) {}

  static async create(): Promise<Setting> {
    const setting = new Setting(await Deno.makeTempDir());
    const authority = await Authority.create(setting.folder);
    const { certFile, keyFile } = await authority.issue(["proxy.test"]);
    await Deno.writeTextFile(`${setting.folder}/mappings`, "");
    await setting.write(`[listener.imap]
protocol = "imap"
bind = ["127.0.0.1:1993"]
tls = "implicit"
[destination.old]
host = "old.example.com"
protocol.imap = {port = 993, tls = "implicit"}
[routing]
default_destination = "old"
[mapping]
source = "file"
file.path = "${setting.folder}/mappings"
[tls.certificate.main]
cert = "${certFile}"
key = "${keyFile}"
[admin]
bind = "127.0.0.1:9443"
bearer_token = "${TOKEN}"
`);
    await setting.start();
    return setting;
  }

  get file(): string {
    return `${this.folder}/config.toml`;
  }

  async write(text: string): Promise<void> {
    await Deno.writeTextFile(this.file, text);
  }

  async edit(from: string | RegExp, to: string): Promise<void> {
    const text = await Deno.readTextFile(this.file);
    await this.write(text.replace(from, to));
  }

  async start(): Promise<void> {
    const state = await StateDir.open(`${this.folder}/state`);
    this.overrides = new Overrides(state, () => this.live);
    await this.overrides.load();
    const log = new Proxy({ level: "info" }, {
      get: (_, level) => (event: string) =>
        this.events.push(`${String(level)} ${event}`),
    });
    const opened = await readConfig(this.file, emptyEnv);
    this.live = new LiveConfiguration(
      {
        parts: { log, metrics: new Metrics(), store: {} } as unknown as Parts,
        env: emptyEnv,
        file: this.file,
        saved: new SavedConfiguration(state),
        secrets: new Secrets(new Uint8Array(32)),
        overrides: this.overrides,
        inForce: () => ({
          put: async (served: Served, { reread, settle }: PutOptions) => {
            if (this.failure) throw this.failure;
            await settle?.();
            this.served = served;
            this.puts.push({ reread });
          },
        }),
        reloading: () => {},
      },
      opened,
      opened.document as Json,
    );
    await this.live.begin();
  }

  get document(): Table {
    return this.live.document() as Table;
  }

  async saved(): Promise<Json> {
    return JSON.parse(
      await Deno.readTextFile(`${this.folder}/state/config.json`),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** An edit that sets the connections that listener imap takes. */
const connections = (most: Json) => (current: Json | null) => {
  const document = current as Table;
  const { imap } = document.listener as Table;
  (imap as Table).max_connections = most;
  return document;
};

const refused = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof ControlError && error.code === code &&
  message.test(error.message);

const limitOf = ({ config }: Served) =>
  config.listener["imap"]!.max_connections;

Deno.test("LiveConfiguration.change puts a document in force and keeps it", async () => {
  await using t = await Setting.create();
  const changed = await t.live.change(connections(5));
  assert.equal(changed.changed, true);
  assert.notEqual(changed.before, changed.after);
  assert.equal(limitOf(t.served), 5);
  assert.deepEqual(t.puts, [{ reread: true }, { reread: false }]);
  assert.equal(fingerprint(await t.saved()), fingerprint(t.document));
  assert.deepEqual(t.live.difference(), [
    { path: "/listener/imap/max_connections", before: undefined, after: 5 },
  ]);
});

Deno.test("LiveConfiguration.change does nothing for what is there, unless it is forced to", async () => {
  await using t = await Setting.create();
  const same = await t.live.change((current) => current);
  assert.deepEqual([same.changed, same.before], [false, same.after]);
  assert.equal(t.puts.length, 1);
  const forced = await t.live.change((current) => current, { force: true });
  assert.equal(forced.changed, true);
  assert.equal(t.puts.length, 2);
});

Deno.test("LiveConfiguration.change refuses what does not validate with every problem, and what cannot be bound", async () => {
  await using t = await Setting.create();
  const before = t.document;
  await assert.rejects(
    t.live.change((current) => {
      const document = connections("many")(current) as Table;
      (document.routing as Table).default_destination = "nowhere";
      return { ...document, serverr: {} };
    }),
    refused(
      "invalid",
      /^configuration: listener\.imap\.max_connections: must be [^\n]+\n.*serverr: unknown key, did you mean "server"\?\n.*default_destination: .*"nowhere"/,
    ),
  );
  t.failure = new BindError("listener imap: cannot bind 127.0.0.1:1993");
  await assert.rejects(
    t.live.change(connections(5)),
    refused("invalid", /cannot bind/),
  );
  assert.deepEqual(t.document, before);
  assert.equal(fingerprint(await t.saved()), fingerprint(before));
  t.failure = null;
  const none = (current: Json | null) => {
    const { admin: _, ...rest } = current as Table;
    return rest;
  };
  await assert.rejects(t.live.change(none), refused("invalid", /admin: /));
});

Deno.test("LiveConfiguration.change loses no update, whoever else changes something", async () => {
  await using t = await Setting.create();
  await t.live.change(connections(1));
  await Promise.all(
    Array.from({ length: 20 }, () =>
      t.live.change((current) => {
        const { imap } = (current as Table).listener as Table;
        return connections(Number((imap as Table).max_connections) + 1)(
          current,
        );
      })),
  );
  assert.equal(limitOf(t.served), 21);
});

Deno.test("LiveConfiguration.change that cannot be kept changes nothing", async () => {
  await using t = await Setting.create();
  await Deno.remove(`${t.folder}/state`, { recursive: true });
  const before = t.document;
  await assert.rejects(
    t.live.change(connections(5)),
    refused("failed", /cannot write .*config\.json/),
  );
  assert.deepEqual(t.document, before);
  assert.equal(limitOf(t.served), 8192);
});

Deno.test("LiveConfiguration unloads and loads again, and never starts from nothing", async () => {
  await using t = await Setting.create();
  const before = t.document;
  await t.live.change(() => null);
  assert.equal(t.live.document(), null);
  assert.deepEqual([...t.served.stopped], ["imap"]);
  assert.equal(fingerprint(await t.saved()), fingerprint(before));
  await t.live.change((current) => {
    assert.equal(current, null);
    return before;
  });
  assert.deepEqual([...t.served.stopped], []);
});

Deno.test("LiveConfiguration.reload refuses to take changes of the API back unasked", async () => {
  await using t = await Setting.create();
  await t.live.change(connections(5));
  await t.edit("[destination.old]", "[server]\nproxy_ttl = 3\n$&");
  await assert.rejects(
    t.live.reload({ discard: false }),
    refused(
      "conflict",
      /in \/listener\/imap\/max_connections, \/server: .*discard=true/,
    ),
  );
  assert.equal(limitOf(t.served), 5);
  await t.live.reload({ discard: true });
  assert.equal(limitOf(t.served), 8192);
  assert.equal(t.served.config.server.proxy_ttl, 3);
  assert.deepEqual(t.live.difference(), []);
  await t.live.reload({ discard: false });
});

Deno.test("LiveConfiguration.reload takes a file that says what the API said", async () => {
  await using t = await Setting.create();
  await t.live.change(connections(5));
  await t.edit("[destination.old]", "max_connections = 5\n$&");
  await t.live.reload({ discard: false });
  assert.deepEqual(t.live.difference(), []);
});

Deno.test("LiveConfiguration.refresh keeps changes of the API, and reads files again", async () => {
  await using t = await Setting.create();
  assert.equal(await t.live.refresh(), "done");
  await t.live.change(connections(5));
  await t.edit("[destination.old]", "[server]\nproxy_ttl = 3\n$&");
  assert.equal(await t.live.refresh(), "kept");
  assert.equal(limitOf(t.served), 5);
  assert.deepEqual(t.puts.at(-1), { reread: true });
  assert.ok(t.events.includes("warn config_differs_from_file"));
  assert.ok(!t.events.includes("error config_refused"));
});

Deno.test("LiveConfiguration.save makes the file say what is in force", async () => {
  await using t = await Setting.create();
  await t.live.change(connections(5));
  assert.equal(await t.live.save(), t.file);
  const file = toJson(parse(await Deno.readTextFile(t.file)));
  assert.deepEqual(file, t.document);
  assert.deepEqual(t.live.difference(), []);
  await t.live.reload({ discard: false });
  assert.equal(limitOf(t.served), 5);
});

Deno.test("LiveConfiguration.save refuses to undo what somebody wrote into the file meanwhile", async () => {
  await using t = await Setting.create();
  await t.live.change(connections(5));
  await t.edit("[destination.old]", "[server]\nproxy_ttl = 3\n$&");
  const edited = await Deno.readTextFile(t.file);
  await assert.rejects(
    t.live.save(),
    refused(
      "conflict",
      /changed since it was read, in \/server: .*discard=true/,
    ),
  );
  assert.equal(await Deno.readTextFile(t.file), edited);
  await t.write("half a file [");
  await assert.rejects(t.live.save(), refused("conflict", /discard=true/));
  await t.live.save({ discard: true });
  assert.deepEqual(toJson(parse(await Deno.readTextFile(t.file))), t.document);

  // Neither a comment nor what is in force anyway is a difference.
  await t.live.change(connections(6));
  await t.edit("max_connections = 5", "max_connections = 6 # by hand");
  await t.live.save();
  await Deno.remove(t.file);
  await t.live.save();
  assert.deepEqual(toJson(parse(await Deno.readTextFile(t.file))), t.document);
});

Deno.test("LiveConfiguration.change tells the log of what it now has to warn of, once", async () => {
  await using t = await Setting.create();
  const trusting = (current: Json | null) => {
    const { old } = (current as Table).destination as Table;
    (old as Table).tls_allow_invalid_certs = true;
    return current;
  };
  const warnings = () =>
    t.events.filter((event) => event === "warn config_warning").length;
  await t.live.change(trusting);
  assert.equal(warnings(), 1);
  await t.live.change(connections(5));
  assert.equal(warnings(), 1);
});

Deno.test("LiveConfiguration lays what is set at run time over every configuration", async () => {
  await using t = await Setting.create();
  const change = { kind: "maxconn", key: "imap", value: 7 };
  await t.overrides.change([change], "ops");
  assert.equal(limitOf(t.served), 7);
  await t.live.change(connections(5));
  assert.equal(limitOf(t.served), 7);
  assert.ok(t.events.includes("warn override_masks_change"));
  await t.start();
  assert.equal(limitOf(t.served), 7);
  await t.overrides.clear({}, "ops");
  assert.equal(limitOf(t.served), 8192);
});

Deno.test("LiveConfiguration tells of what was set of a name that was gone and comes back", async () => {
  await using t = await Setting.create();
  const whole = await Deno.readTextFile(t.file);
  const spare = '[destination.spare]\nhost = "spare.example.com"\n';
  await t.write(whole + spare);
  await t.live.reload({ discard: false });
  const drain = { kind: "server-state", key: "spare", value: "drain" };
  await t.overrides.change([drain], "ops");
  await t.write(whole);
  await t.live.reload({ discard: false });
  await t.start();
  const warned = () => t.events.includes("warn override_masks_change");
  assert.equal(warned(), false);
  await t.write(whole + spare);
  await t.live.reload({ discard: false });
  assert.equal(warned(), true);
});

Deno.test("LiveConfiguration.stop refuses all further changes", async () => {
  await using t = await Setting.create();
  await t.live.stop();
  await assert.rejects(
    t.live.change(connections(6)),
    refused("conflict", /stopping/),
  );
});
