/** ManageSieve from a client's login to its scripts: Dovecot with Pigeonhole, sieve-connect, faults. */
import assert from "node:assert/strict";
import { Dovecot } from "../support/dovecot.ts";
import { FakeManageSieveBackend } from "../support/fake_managesieve_backend.ts";
import { ManageSieveClient } from "../support/managesieve_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { Ground, type Table } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB, PASSWORD } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const SCRIPT = 'require "fileinto";\nfileinto "x";\n';

const LISTENERS: Table = {
  imap: undefined,
  imaps: undefined,
  sieve: { protocol: "managesieve", bind: ["127.0.0.1:0"], tls: "starttls" },
};

/** "old" takes PROXY v2, "new" takes XCLIENT from trusted networks, both behind STARTTLS. */
class SieveStage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly old: Dovecot,
    readonly new_: Dovecot,
    readonly proxy: Mailferry,
  ) {}

  static async create(): Promise<SieveStage> {
    const started: AsyncDisposable[] = [];
    const keep = <T extends AsyncDisposable>(thing: T): T => {
      started.unshift(thing);
      return thing;
    };
    try {
      const ground = keep(await Ground.create());
      const start = async (name: string, forwarding: "proxy" | "xclient") => {
        const { authority, folder } = ground;
        const protocols = ["managesieve"] as const;
        return keep(
          await Dovecot.start({
            name,
            folder,
            authority,
            forwarding,
            protocols,
          }),
        );
      };
      const old = await start("old", "proxy");
      const new_ = await start("new", "xclient");
      const proxy = keep(
        await Mailferry.start({
          ground,
          mappings: { [ALICE]: "old", [BOB]: "new" },
          config: {
            listener: LISTENERS,
            destination: {
              old: old.destination("starttls"),
              new: new_.destination("starttls"),
            },
          },
        }),
      );
      return new SieveStage(ground, old, new_, proxy);
    } catch (error) {
      for (const thing of started) await thing[Symbol.asyncDispose]();
      throw error;
    }
  }

  client(): Promise<ManageSieveClient> {
    return ManageSieveClient.upgraded(
      this.proxy.listener("sieve"),
      this.proxy.ca,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const thing of [this.proxy, this.new_, this.old, this.ground]) {
      await thing[Symbol.asyncDispose]();
    }
  }
}

needs(
  ["dovecot"],
  "ManageSieve: a script that was uploaded through the proxy stays behind when its account moves",
  async () => {
    await using stage = await SieveStage.create();
    const { proxy } = stage;
    using client = await stage.client();
    assert.deepEqual(client.capabilities.map((line) => line.split(" ")[0]), [
      '"IMPLEMENTATION"',
      '"VERSION"',
      '"SASL"',
      '"SIEVE"',
    ]);
    assert.equal((await client.logIn(ALICE)).status, "OK");
    const size = SCRIPT.length;
    const put = `PUTSCRIPT "mine" {${size}+}\r\n${SCRIPT}`;
    assert.equal((await client.transact(put)).status, "OK");
    assert.deepEqual((await client.transact("LISTSCRIPTS")).data, ['"mine"']);
    await stage.old.login(
      "the login on old",
      (l) => l.user === ALICE && l.port === client.localPort && l.tls,
    );

    assert.equal(await proxy.move(ALICE, "new"), "ok\n");
    assert.equal(await proxy.kick(ALICE), 1);
    assert.equal(await client.lineOrEnd(), null);
    assert.equal(
      (await proxy.ended(client)).reason,
      "kicked",
    );

    using again = await stage.client();
    assert.equal((await again.logIn(ALICE)).status, "OK");
    assert.deepEqual((await again.transact("LISTSCRIPTS")).data, []);
    // XCLIENT: the new server sees the client behind the proxy.
    await stage.new_.login(
      "the login on new",
      (l) => l.user === ALICE && l.port === again.localPort,
    );
    assert.equal((await again.transact("LOGOUT")).status, "OK");
  },
);

needs(
  ["dovecot"],
  "ManageSieve: a refused login shows the backend's words and the next login is routed afresh",
  async () => {
    await using stage = await SieveStage.create();
    using client = await stage.client();
    const refused = await client.logIn(ALICE, "wrong");
    assert.deepEqual([refused.status, refused.text], [
      "NO",
      '"Authentication failed."',
    ]);
    assert.equal((await client.logIn(BOB)).status, "OK");
    assert.deepEqual((await client.transact("LISTSCRIPTS")).status, "OK");
    await stage.new_.login("bob's login", (l) => l.user === BOB);
    assert.equal(stage.old.logins().length, 0);
  },
);

needs(
  ["dovecot", "sieve-connect"],
  "ManageSieve: sieve-connect uploads, lists and downloads a script on both servers",
  async () => {
    await using stage = await SieveStage.create();
    const { folder } = stage.ground;
    await Deno.writeTextFile(`${folder}/mine.sieve`, SCRIPT);
    for (const account of [ALICE, BOB]) {
      const run = (...action: string[]) => sieveConnect(stage, account, action);
      await run("--localsieve", `${folder}/mine.sieve`, "--upload");
      assert.match(await run("--list"), /"?mine\.sieve"?/);
      const copy = `${folder}/copy-${account}.sieve`;
      await run(
        ...["--remotesieve", "mine.sieve", "--localsieve", copy],
        "--download",
      );
      assert.equal(
        (await Deno.readTextFile(copy)).replaceAll("\r\n", "\n"),
        SCRIPT,
      );
    }
    for (const server of [stage.old, stage.new_]) {
      await until("three logins", () => server.logins().length === 3);
    }
  },
);

async function sieveConnect(
  stage: SieveStage,
  account: string,
  action: string[],
): Promise<string> {
  const child = new Deno.Command("sieve-connect", {
    args: [
      ...["--server", "127.0.0.1", "--nosrv", "--4"],
      ...["--port", String(stage.proxy.listener("sieve").port)],
      ...["--tlscafile", stage.ground.authority.file],
      ...["--tlshostname", "localhost", "--user", account],
      ...["--passwordfd", "0", "--authmech", "PLAIN"],
      ...action,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();
  await stdin.write(new TextEncoder().encode(`${PASSWORD}\n`));
  await stdin.close();
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (!success) throw new Error(`sieve-connect: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

Deno.test("ManageSieve: a backend that fails in any stage is a temporary failure, and the next login goes on", async () => {
  await using ground = await Ground.create();
  await using old = new FakeManageSieveBackend("old");
  await using new_ = new FakeManageSieveBackend("new");
  const destination = (port: number): Table => ({
    host: "127.0.0.1",
    proxy_protocol: false,
    allow_plaintext_auth: true,
    forwarding: "xclient",
    protocol: { managesieve: { port, tls: "plain" } },
  });
  await using proxy = await Mailferry.start({
    ground,
    mappings: { [ALICE]: "old", [BOB]: "new" },
    config: {
      server: {
        backend_timeout: "30s",
        backend_connect_retries: 0,
        host_down_threshold: 0,
      },
      listener: LISTENERS,
      destination: { old: destination(old.port), new: destination(new_.port) },
    },
  });
  const timeout = (time: string) =>
    proxy.change("/config/server/backend_timeout", time);
  const target = proxy.listener("sieve");
  using clear = await ManageSieveClient.plain(target, proxy.ca);
  assert.ok(clear.capabilities.includes('"SASL" ""'));
  assert.match((await clear.logIn(ALICE)).text, /^\(ENCRYPT-NEEDED\) /);

  const faults = [
    { then: "close" },
    { then: "hang" },
    { send: 'BYE "go away"\r\n', then: "hang" },
    { send: "\0\xff{3}\r\n what?\r\n\r\n", then: "hang" },
    { send: "x".repeat(100_000), then: "hang" },
  ] as const;
  for (const stage of ["greeting", "xclient", "auth"] as const) {
    for (const fault of faults) {
      const what = `${stage} ${JSON.stringify(fault).slice(0, 60)}`;
      old.faults = { [stage]: fault };
      using client = await ManageSieveClient.upgraded(target, proxy.ca);
      await timeout("500ms");
      const { status, text } = await client.logIn(ALICE);
      await timeout("30s");
      assert.deepEqual(
        [status, text.split(" ")[0]],
        ["NO", "(TRYLATER)"],
        what,
      );
      await until(`the leg's end: ${what}`, () => old.open === 0);
      assert.equal((await client.logIn(BOB)).status, "OK", what);
      assert.equal((await client.transact("NOOP")).text, '"new"', what);
    }
  }

  // Who will not be told the client's address takes the login all the same.
  old.faults = { xclient: { send: 'NO "not you"\r\n', then: "go on" } };
  using client = await ManageSieveClient.upgraded(target, proxy.ca);
  assert.equal((await client.logIn(ALICE)).status, "OK");
  assert.equal((await client.transact("NOOP")).text, '"old"');
  assert.equal((await proxy.event("forwarding_refused")).destination, "old");
  assert.deepEqual(
    [old.credentials.at(-1)?.authcid, old.credentials.at(-1)?.secret],
    [ALICE, PASSWORD],
  );
  assert.match(
    old.commands.find((line) => line.startsWith("XCLIENT")) ?? "",
    /^XCLIENT ADDR=127\.0\.0\.1 PORT=\d+ DESTADDR=127\.0\.0\.1 DESTPORT=\d+ SESSION=\S+ TTL=6 CLIENT-TRANSPORT=TLS$/,
  );
});

Deno.test("ManageSieve: limits before the login are told with BYE", async () => {
  await using ground = await Ground.create();
  await using old = new FakeManageSieveBackend("old");
  await using proxy = await Mailferry.start({
    ground,
    config: {
      listener: {
        ...LISTENERS,
        sieve: {
          ...LISTENERS.sieve as Table,
          max_auth_attempts: 2,
          preauth_timeout: "4s",
        },
      },
      destination: {
        old: {
          host: "127.0.0.1",
          proxy_protocol: false,
          allow_plaintext_auth: true,
          protocol: { managesieve: { port: old.port, tls: "plain" } },
        },
      },
    },
  });
  const target = proxy.listener("sieve");
  old.faults = { auth: { send: 'NO "no"\r\n', then: "hang" } };
  const ends: [string, (client: ManageSieveClient) => Promise<unknown>][] = [
    ["preauth-limit", (client) => client.send("x".repeat(20_000))],
    ["auth-attempts", async (client) => {
      for (let left = 2; left > 0; left--) await client.logIn(ALICE);
    }],
    ["preauth-timeout", () => Promise.resolve()],
  ];
  for (const [reason, act] of ends) {
    using client = await ManageSieveClient.upgraded(target, proxy.ca);
    await act(client);
    assert.equal((await client.answer()).status, "BYE", reason);
    assert.equal(await client.lineOrEnd(), null);
    assert.equal((await proxy.ended(client)).reason, reason);
  }
});
