/** The runtime socket of the built file, with socat. */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/runtime/table.ts";
import { run } from "../support/mailferry.ts";
import { PASSWORD, type Table, TOKEN } from "../support/proxy_config.ts";
import { freePorts } from "../support/ports.ts";
import { output } from "../support/program.ts";
import { needs } from "../support/requirements.ts";
import { ask, RuntimeClient } from "../support/runtime_client.ts";
import { socat } from "../support/socat.ts";
import {
  ALICE,
  BOB,
  login,
  Stage,
  type StageOptions,
} from "../support/stage.ts";
import { until } from "../support/wait.ts";

const LEVELS = ["user", "operator", "admin"] as const;

/** A stage with a runtime socket for each level, and one at an address. */
class RuntimeStage implements AsyncDisposable {
  private constructor(
    readonly stage: Stage,
    private readonly folder: string,
  ) {}

  static async create(options: StageOptions = {}): Promise<RuntimeStage> {
    const folder = await Deno.makeTempDir();
    const stage = await Stage.create({
      ...options,
      config: { ...options.config, runtime: { socket: sockets(folder) } },
    });
    return new RuntimeStage(stage, folder);
  }

  path(level: (typeof LEVELS)[number]): string {
    return `${this.folder}/${level}.sock`;
  }

  /** One line given to the admin's socket. */
  ask(line: string): Promise<string> {
    return ask(this.path("admin"), `${line}\n`);
  }

  /** The rows of `show stat` by column. */
  async stat(name: string, part: string): Promise<Record<string, string>> {
    const [head, ...lines] = (await this.ask("show stat")).trim().split("\n");
    const names = head!.slice(2).split(",");
    const rows = lines.map((line) =>
      Object.fromEntries(line.split(",").map((value, i) => [names[i], value]))
    );
    return rows.find((row) => row.pxname === name && row.svname === part)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
    const left = [...Deno.readDirSync(this.folder)].map(({ name }) => name);
    await Deno.remove(this.folder, { recursive: true });
    assert.deepEqual(left, [], "files of sockets after the end");
  }
}

function sockets(folder: string): Table[] {
  return [
    ...LEVELS.map((level) => ({ path: `${folder}/${level}.sock`, level })),
    { bind: "127.0.0.1:0", level: "user" },
  ];
}

needs(
  ["socat"],
  "every example of HAProxy's page works with socat",
  async () => {
    await using runtime = await RuntimeStage.create();
    const { proxy } = runtime.stage;
    const unix = `unix-connect:${runtime.path("admin")}`;
    const bound = await proxy.entry(
      "the address",
      ({ event, address }) =>
        event === "runtime_listening" && String(address).startsWith("ipv4@"),
    );
    const tcp = `tcp4-connect:${String(bound.address).slice("ipv4@".length)}`;

    const help = await socat(unix, "help\n");
    assert.match(
      help,
      /^The following commands are valid at this level:\n {2}/,
    );
    assert.ok(help.endsWith("\n\n"));
    for (const { words } of COMMANDS) {
      assert.match(help, new RegExp(`^  ${words.join(" ")}\\b.*: `, "m"));
    }
    const less = await socat(tcp, "help\n");
    assert.ok(less.includes("show stat") && !less.includes("shutdown session"));

    const both = await socat(unix, "show info;show stat\n");
    assert.match(
      both,
      /^Name: mailferry\n[^]*\n\n# pxname,svname,[^]*\nimaps,FRONTEND,[^]*\nold,BACKEND,[^]*\n\n$/,
    );
    assert.ok(both.includes(`\nPid: ${proxy.pid}\n`));

    using client = await RuntimeClient.connect(runtime.path("admin"));
    await client.send("prompt\n");
    await client.until("> ");
    for (
      const [line, answer] of [
        ["show cli level", "admin\n"],
        ["operator", ""],
        ["show cli level", "operator\n"],
      ] as const
    ) {
      await client.send(`${line}\n`);
      assert.equal(await client.until("\n> "), `${answer}\n> `);
    }
    await client.send("quit\n");
    assert.equal(await client.rest(), "");
  },
);

Deno.test("sessions are shown, counted, waited for and ended", async () => {
  await using runtime = await RuntimeStage.create();
  const { stage } = runtime;
  using alice = await stage.loggedIn(ALICE);
  using bob = await stage.loggedIn(BOB);
  await alice.transact("NOOP");
  const lines = (await runtime.ask("show sess")).trim().split("\n");
  assert.equal(lines.length, 2);
  const ofBob = lines.find((line) => line.includes("be=new"))!;
  assert.match(
    ofBob,
    new RegExp(
      `^\\S+: proto=imap src=127\\.0\\.0\\.1:${bob.localPort} fe=imaps be=new srv=imap ts=bridge age=\\d+s `,
    ),
  );
  const id = ofBob.slice(0, ofBob.indexOf(":"));
  assert.match(
    await runtime.ask(`show sess ${id}`),
    /account=bob@example\.com/,
  );
  assert.equal((await runtime.stat("old", "imap")).scur, "1");
  assert.equal((await runtime.stat("imaps", "FRONTEND")).stot, "2");

  assert.equal(await runtime.ask(`shutdown session ${id}`), "\n");
  await bob.rest();
  assert.equal(
    await runtime.ask(
      `wait 20s no-sessions ${BOB};shutdown sessions server old/imap;wait 20s srv-removable old`,
    ),
    "Done.\n\n\nDone.\n\n",
  );
  await alice.rest();
  using again = await stage.loggedIn(ALICE);
  await runtime.ask(`shutdown sessions account ${ALICE}`);
  await again.rest();
  await stage.proxy.empty();
  const leg = await runtime.stat("old", "imap");
  assert.deepEqual([leg.scur, leg.smax, leg.stot], ["0", "1", "2"]);
  assert.ok(Number(leg.bin) > 0 && Number(leg.bout) > 0);
  await runtime.ask("clear counters all");
  assert.equal((await runtime.stat("old", "imap")).stot, "0");
  for (const wrong of ["nowhere", "old/pop3", "old/", "/imap"]) {
    assert.match(
      await runtime.ask(`shutdown sessions server ${wrong}`),
      /^No such (backend|server)\.\n\n$/,
    );
  }
  const { audit } = JSON.parse(await stage.proxy.ask("GET", "/audit"));
  const action = audit.findLast((entry: Record<string, unknown>) =>
    entry.action === "shutdown sessions account"
  );
  assert.equal(action.via, "socket");
  assert.match(action.parameters.account, /^al~/);
});

needs(
  ["socat"],
  "a payload of mappings moves accounts, and get map says why",
  async () => {
    await using runtime = await RuntimeStage.create();
    const { stage } = runtime;
    const unix = `unix-connect:${runtime.path("admin")}`;
    assert.equal(
      await socat(
        unix,
        `add map mappings <<\n${ALICE} new\ncarol@example.com new\n\n`,
      ),
      "\n",
    );
    using _client = await stage.loggedIn(ALICE);
    assert.match(await runtime.ask("show sess"), / be=new /);
    const told = await runtime.ask(`get map mappings ${ALICE}`);
    assert.match(
      told,
      /^type=str, case=sensitive, found=yes, idx=tree, key="alice@example\.com", value="new", type="str"\n/,
    );
    assert.match(
      told,
      /\nlookup: mapped to new .*\n[^]*\ndestination: new\n\n$/,
    );
    const [line] = (await runtime.ask("show map #0")).split("\n")
      .filter((entry) => entry.includes("carol"));
    const [reference] = line!.split(" ");
    assert.equal(await runtime.ask(`del map mappings #${reference}`), "\n");
    assert.equal(
      await runtime.ask("del map mappings carol@example.com"),
      "Key not found.\n\n",
    );
    assert.match(
      await Deno.readTextFile(stage.proxy.mappingFile),
      /^alice@example\.com\tnew\nbob@example\.com\tnew\n$/,
    );
  },
);

Deno.test("nothing that a socket says at any level has a secret in it", async () => {
  const secret = "a-secret-of-the-environment-0123456789";
  const wrong = "not-the-password-of-anybody";
  const refuse = ({ secret }: { secret: string }) =>
    secret === wrong ? ["NO [AUTHENTICATIONFAILED] wrong"] : undefined;
  await using runtime = await RuntimeStage.create({
    old: { refuse },
    new: { refuse },
    environment: {
      PROXY_ADMIN_TOKEN: secret,
      DATABASE_URL: `mysql://u:${secret}@h/`,
    },
  });
  const { stage } = runtime;
  using refused = await stage.client();
  await refused.transact(login(ALICE, wrong));
  using broken = await stage.client();
  await broken.transact(`AUTHENTICATE PLAIN ${btoa(`\0${BOB}\0${wrong}`)}`);
  using _open = await stage.loggedIn(BOB);
  const lines = COMMANDS.map(({ words, args = [] }) => {
    const given = args.filter(({ optional }) => !optional)
      .map(({ text }) => text === "<map>" ? "mappings" : BOB);
    return [...words, ...given].join(" ");
  }).filter((line) => !/^(shutdown|wait|echo|probe|quit)/.test(line));
  lines.push(
    ...["show sess all", "show map mappings", "show info json", "show env"],
    ...["show stat typed", "show events log", "show events errors"],
    ...["probe old", "show env PROXY_ADMIN_TOKEN"],
  );
  for (const level of LEVELS) {
    const text = (await Promise.all(
      lines.map((line) => ask(runtime.path(level), `${line}\n`)),
    )).join("");
    for (const hidden of [secret, TOKEN, PASSWORD, wrong, btoa(`\0${BOB}`)]) {
      assert.ok(!text.includes(hidden), `${level}: ${hidden}`);
    }
  }
  const errors = await runtime.ask("show errors");
  assert.match(errors, /event=login_failed .*listener=imaps/);
  assert.ok(!errors.includes(ALICE));
  assert.match(
    await runtime.ask("show env"),
    /^PROXY_ADMIN_TOKEN=\(hidden\)$/m,
  );
});

Deno.test("a reload opens, keeps and closes sockets, and touches no session", async () => {
  await using runtime = await RuntimeStage.create();
  const { stage } = runtime;
  const { proxy } = stage;
  using client = await stage.loggedIn(ALICE);
  const other = runtime.path("admin").replace("admin", "other");
  const kept = { path: runtime.path("admin"), level: "operator" };
  await proxy.reconfigure({
    runtime: { socket: [kept, { path: other, level: "admin" }] },
  });
  await proxy.ask("POST", "/config/reload");
  assert.equal(await ask(kept.path, "show cli level\n"), "operator\n\n");
  assert.equal(await ask(other, "show cli level\n"), "admin\n\n");
  assert.match(
    await ask(other, "show cli sockets\n"),
    /^# socket lvl processes\nunix@\S+admin\.sock operator all\nunix@\S+other\.sock admin all\n\n$/,
  );
  await assert.rejects(Deno.lstat(runtime.path("user")), Deno.errors.NotFound);

  await proxy.reconfigure({
    runtime: { socket: [kept, { path: `${other}/below` }] },
  });
  const { status, body } = await proxy.admin("POST", "/config/reload");
  assert.equal(status, 400);
  assert.match(body, /runtime socket: cannot listen at .*other\.sock\/below/);
  assert.equal(await ask(other, "show cli level\n"), "admin\n\n");
  assert.equal((await client.transact("NOOP")).status, "OK");
});

Deno.test("what a killed proxy left behind is replaced, what a live one serves is not", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/s`;
    const config = { runtime: { socket: [{ path }] } };
    await using first = await Stage.create({ config });
    const { ground } = first;
    const second = await run([first.proxy.configFile], {
      SSL_CERT_FILE: ground.authority.file,
    });
    assert.equal(second.code, 1);
    assert.match(second.stderr, /already in use|another program answers there/);
    assert.match(
      await ask(path, "show info\n"),
      new RegExp(`Pid: ${first.proxy.pid}\n`),
    );
    first.proxy.signal("SIGKILL");
    await first.proxy.exited;
    assert.ok((await Deno.lstat(path)).isSocket);
    await using third = await Stage.create({ config });
    assert.match(
      await ask(path, "show info\n"),
      new RegExp(`Pid: ${third.proxy.pid}\n`),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a thousand who connect at once, silent readers and bad lines do not disturb the proxy", async () => {
  const mappings = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, i) => [`user-${i}@example.com`, "old"]),
  );
  await using runtime = await RuntimeStage.create({
    mappings: { ...mappings, [ALICE]: "old" },
  });
  const { stage } = runtime;
  const path = runtime.path("admin");
  await runtime.ask("show info");
  const before = stage.proxy.descriptors();
  const silent = await Promise.all(
    Array.from({ length: 10 }, () => RuntimeClient.connect(path)),
  );
  for (const client of silent) {
    await client.send("set timeout cli 500ms;show map mappings\n");
  }
  const bad = [
    "x".repeat(1 << 20) + "\n",
    "show info\0\n",
    "add map mappings <<\nnever old\n",
    "\xff\n",
  ];
  const asked = Promise.all([
    ...Array.from({ length: 1000 }, () => ask(path, "show cli level\n")),
    ...bad.map((line) => ask(path, line)),
  ]);
  for (let i = 0; i < 20; i++) (await stage.loggedIn(ALICE)).close();
  const answers = await asked;
  assert.equal(answers.filter((text) => text === "admin\n\n").length, 1000);
  await until(
    "the descriptors of before",
    () => stage.proxy.descriptors() <= before,
  );
  for (const client of silent) client[Symbol.dispose]();
  assert.match(
    await runtime.ask("get map mappings never"),
    /^type=str, case=sensitive, found=no\n/,
  );
});

needs(
  ["prometheus-haproxy-exporter"],
  "Prometheus's exporter for HAProxy reads show stat",
  async () => {
    await using runtime = await RuntimeStage.create();
    using _client = await runtime.stage.loggedIn(ALICE);
    const [port] = freePorts(1);
    const exporter = new Deno.Command("prometheus-haproxy-exporter", {
      args: [
        `--web.listen-address=127.0.0.1:${port}`,
        `--haproxy.scrape-uri=unix:${runtime.path("user")}`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const metrics = await until(
        "the exporter",
        () =>
          fetch(`http://127.0.0.1:${port}/metrics`)
            .then((answer) => answer.text(), () => "")
            .then((text) => text.includes("\nhaproxy_up 1\n") && text),
      ) as string;
      const version = /^Version: (.*)$/m.exec(await runtime.ask("show info"))!;
      for (
        const line of [
          "haproxy_exporter_csv_parse_failures_total 0",
          'haproxy_frontend_current_sessions{frontend="imaps"} 1',
          'haproxy_frontend_sessions_total{frontend="imaps"} 1',
          'haproxy_backend_up{backend="old"} 1',
          'haproxy_server_up{backend="old",server="imap"} 1',
          'haproxy_server_current_sessions{backend="old",server="imap"} 1',
          'haproxy_server_current_sessions{backend="new",server="imap"} 0',
          'haproxy_server_connection_errors_total{backend="old",server="imap"} 0',
          `haproxy_version_info{release_date="",version="${version[1]}"} 1`,
        ]
      ) assert.ok(metrics.includes(`\n${line}\n`), `${line}\n${metrics}`);
    } finally {
      exporter.kill("SIGTERM");
      await exporter.status;
    }
  },
);

needs(
  ["bash", "socat"],
  "the shell function gives commands, and completes them",
  async () => {
    await using runtime = await RuntimeStage.create();
    const script = new URL(
      "../../packaging/mailferry-runtime.bash",
      import.meta.url,
    ).pathname;
    const bash = (text: string) =>
      output("bash", [
        "-c",
        `. ${script}; export MAILFERRY_SOCKET=${
          runtime.path("admin")
        }; ${text}`,
      ]);
    assert.equal(await bash("mailferry_runtime 'show cli level'"), "admin\n\n");
    assert.equal(await bash("mailferry_runtime show cli level"), "admin\n\n");
    const complete = (words: string) =>
      bash(
        `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _mailferry_runtime; echo "\${COMPREPLY[*]}"`,
      );
    assert.equal(await complete("mailferry_runtime show se"), "servers sess\n");
    assert.equal(
      await complete("mailferry_runtime show servers ''"),
      "conn state\n",
    );
    assert.equal(await complete("mailferry_runtime shut"), "shutdown\n");
  },
);

Deno.test("a probe over the socket says what a backend offers, and why it does not answer", async () => {
  await using runtime = await RuntimeStage.create({
    config: {
      destination: {
        gone: {
          host: "127.0.0.1",
          allow_plaintext_auth: true,
          proxy_protocol: false,
          protocol: { imap: { port: 9, tls: "plain" } },
        },
      },
    },
  });
  assert.match(
    await runtime.ask("probe old"),
    /^old imap 127\.0\.0\.1:\d+ \(plain\): ok: .*IMAP4/,
  );
  assert.match(
    await runtime.ask("probe gone imap"),
    /^gone imap 127\.0\.0\.1:9 \(plain\): FAILED at connect: .*\n {2}likely cause: nothing listens/,
  );
});
