/** Acls of the built file: who is refused, from when on, and for how long. */
import assert from "node:assert/strict";
import { FakeImapBackend } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry, run } from "../support/mailferry.ts";
import {
  destination,
  Ground,
  type Table,
  TOKEN,
} from "../support/proxy_config.ts";
import { ask } from "../support/runtime_client.ts";
import { ALICE, login } from "../support/stage.ts";
import { within } from "../support/wait.ts";

const BASE = "10.0.0.0/8\n# of old\n192.0.2.7\n";

/** A proxy whose listener `imaps` refuses whom the acl `bad` has, and what survives its restart. */
class Place implements AsyncDisposable {
  readonly socket: string;
  readonly aclFile: string;

  private constructor(
    readonly ground: Ground,
    private readonly backend: FakeImapBackend,
  ) {
    this.socket = `${ground.folder}/admin.sock`;
    this.aclFile = `${ground.folder}/bad.acl`;
  }

  static async create(): Promise<Place> {
    const ground = await Ground.create();
    const backend = new FakeImapBackend({ name: "old", tls: "plain" });
    const place = new Place(ground, backend);
    await Deno.writeTextFile(place.aclFile, BASE);
    return place;
  }

  start(over: Table = {}): Promise<Mailferry> {
    return Mailferry.start({
      ground: this.ground,
      config: {
        server: { state_dir: `${this.ground.folder}/state` },
        acl: { bad: { file: this.aclFile } },
        listener: { imaps: { deny: ["bad"] } },
        destination: { old: destination(this.backend.port, "plain") },
        runtime: { socket: [{ path: this.socket, level: "admin" }] },
        ...over,
      },
    });
  }

  tell(line: string): Promise<string> {
    return ask(this.socket, `${line}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend[Symbol.asyncDispose]();
    await this.ground[Symbol.asyncDispose]();
  }
}

const connect = (proxy: Mailferry) =>
  ImapClient.tls(proxy.listener("imaps"), proxy.ca);

async function served(proxy: Mailferry): Promise<void> {
  using client = await connect(proxy);
  assert.match(client.greeting, /^\* OK /);
}

async function refused(proxy: Mailferry): Promise<void> {
  using client = await ImapClient.raw(proxy.listener("imaps"));
  assert.equal(await within("end", client.lineOrEnd()), null);
  const { reason, stage } = await proxy.ended(client);
  assert.deepEqual([reason, stage], ["acl", "accept"]);
}

Deno.test("an address that is denied at run time is refused from the next connection on, also behind a restart", async () => {
  await using place = await Place.create();
  let configured: string;
  {
    await using proxy = await place.start();
    configured = await Deno.readTextFile(proxy.configFile);
    using open = await connect(proxy);
    assert.equal((await open.transact(login(ALICE))).status, "OK");
    assert.equal(await place.tell("add acl bad 127.0.0.1"), "\n");
    await refused(proxy);
    assert.equal((await open.transact("NOOP")).status, "OK");
    // Another listener has not that list.
    using other = await ImapClient.plain(proxy.listener("imap"), proxy.ca);
    assert.match(other.greeting, /^\* OK /);
    const metrics = await proxy.ask("GET", "/metrics");
    assert.match(metrics, /^mailferry_connections_denied_total 1$/m);
    assert.match(
      metrics,
      /^mailferry_sessions_ended_total\{protocol="imap",reason="acl"\} 1$/m,
    );
    const { overrides } = JSON.parse(await proxy.ask("GET", "/overrides"));
    assert.equal(overrides.length, 1);
    const { kind, key, value, state, set_by } = overrides[0];
    assert.deepEqual([kind, key, state], ["acl", "bad", "in-force"]);
    assert.deepEqual(value, { add: ["127.0.0.1"], remove: [] });
    assert.equal(set_by, `unix@${place.socket}`);
  }
  {
    await using proxy = await place.start();
    const caFile = place.ground.authority.file;
    await refused(proxy);
    // The file says something else by now.
    await Deno.writeTextFile(place.aclFile, "203.0.113.0/24\n");
    await proxy.ask("POST", "/config/reload");
    await proxy.entry(
      "the warning",
      ({ event, kind, key }) =>
        event === "override_masks_change" && kind === "acl" && key === "bad",
    );
    const { overrides } = JSON.parse(await proxy.ask("GET", "/overrides"));
    assert.equal(overrides[0].state, "stale");
    assert.match(
      await place.tell("show acl bad"),
      /^0x\w+ 203\.0\.113\.0\/24\n0x\w+ 127\.0\.0\.1\n\n$/,
    );
    await refused(proxy);
    const ctl = async (...args: string[]) => {
      const ended = await run(
        [
          "ctl",
          "--address",
          new URL(proxy.adminUrl).host,
          "--cacert",
          caFile,
          ...args,
        ],
        { PROXY_ADMIN_TOKEN: TOKEN },
      );
      return ended.stdout + ended.stderr;
    };
    const listed = await ctl("overrides", "list");
    assert.match(listed, /^KIND +KEY +VALUE +CONFIGURED +STATE/);
    assert.match(listed, /^acl +bad +\{"add":\["127\.0\.0\.1"\]/m);
    assert.equal(
      await ctl("overrides", "clear", "acl", "bad"),
      "cleared 1\n",
    );
    await served(proxy);
  }
  await using proxy = await place.start();
  await served(proxy);
  assert.equal(
    (await Deno.readTextFile(proxy.configFile)).replace(/:\d+/g, ""),
    configured.replace(/:\d+/g, ""),
  );
});

Deno.test("an acl is replaced as a whole by a version, and a listener with allow serves nobody else", async () => {
  await using place = await Place.create();
  await using proxy = await place.start({
    acl: { bad: { file: place.aclFile }, office: { entries: ["127.0.0.1"] } },
    listener: { imaps: { allow: ["office"], deny: ["bad"] } },
  });
  await served(proxy);
  assert.equal(
    await place.tell("prepare acl office"),
    "New version created: 1\n\n",
  );
  assert.equal(
    await place.tell("add acl @1 office <<\n192.0.2.0/24\n2001:db8::/32\n\n"),
    "\n",
  );
  await served(proxy);
  assert.equal(
    await place.tell("get acl office 192.0.2.1"),
    "type=ip, case=sensitive, match=no\n\n",
  );
  assert.equal(await place.tell("commit acl @1 office"), "\n");
  assert.equal(
    await place.tell("get acl office 192.0.2.1"),
    'type=ip, case=sensitive, match=yes, idx=tree, pattern="192.0.2.0/24"\n\n',
  );
  await refused(proxy);
  assert.equal(await place.tell("add acl office 127.0.0.0/8"), "\n");
  await served(proxy);
  // Nothing of a payload is taken when a line of it is wrong.
  assert.equal(
    await place.tell("add acl bad <<\n127.0.0.1\nlocalhost\n\n"),
    "'localhost' is not a valid IPv4 or IPv6 address.\n\n",
  );
  await served(proxy);
});

Deno.test("a reload that takes an acl away is refused while a listener names it, and a bad file keeps the old one", async () => {
  await using place = await Place.create();
  await using proxy = await place.start();
  await Deno.writeTextFile(place.aclFile, "10.0.0.0/8\nnonsense\n");
  const bad = await proxy.admin("POST", "/config/reload");
  assert.equal(bad.status, 400);
  assert.match(bad.body, /bad\.acl:2: "nonsense" is no address range/);
  assert.match(await place.tell("show acl bad"), /192\.0\.2\.7\n\n$/);
  await Deno.writeTextFile(place.aclFile, BASE);
  await proxy.reconfigure({ acl: undefined });
  const gone = await proxy.admin("POST", "/config/reload");
  assert.equal(gone.status, 400);
  assert.match(gone.body, /deny\[0\]: acl "bad" is not declared/);
  await served(proxy);
});
