import assert from "node:assert/strict";
import { FakeRuntimeControl } from "../../tests/support/fake_runtime_control.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import { ask, RuntimeClient } from "../../tests/support/runtime_client.ts";
import { within } from "../../tests/support/wait.ts";
import type { RuntimeLevel } from "../config/schema_runtime.ts";
import type { AuditEntry } from "../control/audit_log.ts";
import { noTakeover } from "../../tests/support/nobody_takes_over.ts";
import { libc } from "../net/libc.ts";
import { listenUnix } from "../net/unix_socket.ts";
import { converse } from "./conversation.ts";
import { COMMANDS } from "./table.ts";

// Loaded once for the process, not by the first test that needs it.
libc();

const ALICE = "alice@example.com";

/** A socket of a level over a control plane in memory. */
class Bench implements AsyncDisposable {
  readonly control = new FakeRuntimeControl();
  readonly audit: AuditEntry[] = [];
  readonly failures: unknown[] = [];
  readonly over: Promise<void>[] = [];
  readonly path: string;
  readonly #listener;

  constructor(
    private readonly folder: string,
    level: RuntimeLevel,
  ) {
    this.path = `${folder}/s`;
    const owner = { mode: 0o600, uid: null, gid: null };
    this.#listener = listenUnix(this.path, owner, (connection) => {
      this.over.push(converse(connection, {
        control: this.control,
        commands: COMMANDS,
        level,
        address: "unix@test",
        sockets: () => [{ address: "unix@test", level }],
        audit: (entry) => this.audit.push(entry),
        failed: (error) => this.failures.push(error),
        closed: new AbortController().signal,
        takeover: noTakeover(),
        exposed: null,
      }));
    });
    this.#listener.place();
  }

  ask(text: string | Uint8Array): Promise<string> {
    return ask(this.path, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await within("the end of all connections", Promise.all(this.over));
    await Deno.remove(this.folder, { recursive: true });
    assert.deepEqual(this.failures, []);
  }
}

async function bench(level: RuntimeLevel = "admin"): Promise<Bench> {
  return new Bench(await Deno.makeTempDir(), level);
}

Deno.test("a line is answered command by command, and the connection closed", async () => {
  await using socket = await bench();
  assert.equal(
    await socket.ask("show version;show cli level\nshow version\n"),
    "1.2.3\n\nadmin\n\n",
  );
  assert.equal(await socket.ask("echo a\\;b  c;"), "");
  assert.equal(await socket.ask("echo a\\;b  c;\r\n"), "a;b c\n\n");
  assert.equal(await socket.ask("quit\n"), "");
});

Deno.test("prompt keeps the connection, and given again ends it", async () => {
  await using socket = await bench();
  assert.equal(
    await socket.ask(
      "prompt\nshow cli level\noperator\nshow cli level\nquit\nshow version\n",
    ),
    "\n> admin\n\n> \n> operator\n\n> ",
  );
  assert.equal(
    await socket.ask("prompt\nprompt;show version\nshow version\n"),
    "\n> \n1.2.3\n\n",
  );
  assert.equal(
    await socket.ask("prompt timed\nquit\n"),
    "\n[1:02:03:04]> ",
  );
});

Deno.test("unknown commands are answered in HAProxy's words, with what was probably meant", async () => {
  await using socket = await bench();
  const near = await socket.ask("show servers stat\n");
  assert.match(
    near,
    /^Unknown command, but maybe one of the following ones is a better match:\n {2}show servers state /,
  );
  for (const line of ["\n", ";;\n", "expert-mode on\n", "xyzzy-plugh-42\n"]) {
    const answer = await socket.ask(line);
    assert.match(answer, /^Unknown command/, line);
    assert.ok(answer.endsWith("\n\n"));
  }
});

Deno.test("a level may do what it and those below it may, and goes down only", async () => {
  await using user = await bench("user");
  await using operator = await bench("operator");
  const denied = "Permission denied\n\n";
  for (const command of ["show sess", "show map", "operator", "show errors"]) {
    assert.equal(await user.ask(`${command}\n`), denied, command);
  }
  for (const command of ["add map mappings a old", "clear counters all"]) {
    assert.equal(await operator.ask(`${command}\n`), denied, command);
  }
  assert.match(await operator.ask("show sess\n"), /^s1: proto=imap/);
  assert.equal(
    await operator.ask("user;operator;show cli level\n"),
    `\n${denied}user\n\n`,
  );
  const help = await user.ask("help\n");
  assert.match(help, /^The following commands are valid at this level:\n/);
  assert.ok(help.includes("  show stat ") && !help.includes("show sess"));
});

Deno.test("help shows the commands that begin as it is told", async () => {
  await using socket = await bench();
  const lines = (await socket.ask("help show se\n")).trim().split("\n").slice(
    1,
  );
  assert.deepEqual(
    lines.map((line) => line.trim().split(/ {2,}|\[/)[0]!.trim()),
    ["show servers conn", "show servers state", "show sess"],
  );
});

Deno.test("a payload belongs to the last command and ends as it was announced", async () => {
  await using socket = await bench();
  const { mappings } = socket.control.plane;
  assert.equal(
    await socket.ask("echo x;add map mappings <<\nbob old\n carol\tnew \n\n"),
    "x\n\n\n",
  );
  assert.equal(mappings.get("bob"), "old");
  assert.equal(mappings.get("carol"), "new");
  assert.equal(
    await socket.ask("prompt\nadd map mappings <<END\ndave old\n\nEND\nquit\n"),
    "\n> + + + \n> ",
  );
  assert.equal(mappings.get("dave"), "old");
  assert.equal(
    await socket.ask("add map mappings <<\nerin old\nfrank nowhere\n\n"),
    "unknown destination 'frank'\n\n".replace("frank", "nowhere"),
  );
  const many = Array.from({ length: 2500 }, (_, i) => `many${i} new\n`);
  assert.equal(
    await socket.ask(`add map mappings <<\n${many.join("")}\n`),
    "\n",
  );
  assert.equal(mappings.get("many2499"), "new");
  assert.equal(
    await socket.ask("add map mappings <<\nerin\n\n"),
    "Missing value for key 'erin'.\n\n",
  );
  assert.equal(await socket.ask("add map mappings <<\nerin old\n"), "");
  assert.equal(
    await socket.ask("show info <<\n\n"),
    "'show info' takes no payload.\n\n",
  );
  assert.ok(!mappings.has("erin"));
});

Deno.test("arguments are counted, and the usage is the answer to a wrong number of them", async () => {
  await using socket = await bench();
  assert.equal(
    await socket.ask("get map mappings\n"),
    "Usage: get map <map> <key>\n\n",
  );
  assert.equal(await socket.ask("quit now\n"), "Usage: quit\n\n");
});

Deno.test("set severity-output marks messages, not data", async () => {
  await using socket = await bench();
  assert.equal(
    await socket.ask(
      "set severity-output number;show version;show sess zz;set severity-output string;show sess zz\n",
    ),
    "\n1.2.3\n\n[3]: Session not found.\n\n\n[err]: Session not found.\n\n",
  );
});

Deno.test("set anon hides accounts from this connection", async () => {
  await using socket = await bench();
  const commands = `show sess all;show map mappings;get map mappings ${ALICE}`;
  const shown = await socket.ask(`${commands}\n`);
  assert.equal(shown.split(ALICE).length, 5);
  const hidden = await socket.ask(`set anon on;show anon;${commands}\n`);
  assert.ok(hidden.includes("Anonymized mode enabled"));
  assert.ok(!hidden.includes(ALICE), hidden);
  assert.ok(hidden.includes("al~hash"));
});

Deno.test("what changes something is audited, with accounts shortened", async () => {
  await using socket = await bench();
  await socket.ask(
    `set map mappings ${ALICE} new;shutdown session nope;show version\n`,
  );
  assert.deepEqual(socket.audit, [
    {
      via: "socket",
      actor: "unix@test",
      role: "admin",
      action: "set map",
      parameters: { map: "mappings", key: "al~hash", value: "new" },
      result: "done",
    },
    {
      via: "socket",
      actor: "unix@test",
      role: "admin",
      action: "shutdown session",
      parameters: { id: "nope" },
      result: "No such session (use 'show sess').",
    },
  ]);
});

Deno.test("what a level forbids to change is audited too", async () => {
  await using socket = await bench();
  await socket.ask(`operator;set map mappings ${ALICE} new;show version\n`);
  assert.deepEqual(socket.audit, [
    {
      via: "socket",
      actor: "unix@test",
      role: "operator",
      action: "set map",
      parameters: { map: "mappings", key: "al~hash", value: "new" },
      result: "Permission denied",
    },
  ]);
});

Deno.test("a connection cannot be told to wait no time at all", async () => {
  await using socket = await bench();
  assert.equal(
    await socket.ask("set timeout cli 0;show version\n"),
    "Invalid timeout value.\n\n1.2.3\n\n",
  );
});

Deno.test("what no line can be is refused in words, and ends the connection", async () => {
  await using socket = await bench();
  const bytes = (text: string) =>
    Uint8Array.from(text, (char) => char.charCodeAt(0));
  const wrong: [string | Uint8Array, RegExp][] = [
    [bytes("show version\0\n"), /^NUL bytes are refused\.\n\n$/],
    [bytes("show \xff\xfe\n"), /^Not valid UTF-8\.\n\n$/],
    ["x".repeat(1 << 20) + "\n", /^Line too long: at most 65536 bytes\.\n\n$/],
    [
      `add map mappings <<\n${`k ${"v".repeat(60000)}\n`.repeat(75)}`,
      /^Payload too long: at most 4194304 characters\.\n\n$/,
    ],
    ["prompt\nadd map mappings <<\na\0b\n\n", /> \+ NUL bytes are refused\./],
  ];
  for (const [text, answer] of wrong) {
    assert.match(await socket.ask(text), answer);
  }
  assert.equal(await socket.ask("show version\n"), "1.2.3\n\n");
});

Deno.test("random and truncated input is answered or ended, and nothing is thrown", async () => {
  await using socket = await bench();
  const random = new SeededRandom(11);
  const parts = [
    ...COMMANDS.map(({ words }) => words.join(" ")).filter((words) =>
      words !== "wait"
    ),
    ...["mappings", ALICE, "old/imap", "-1", "json", "<<", "<<E", "E", ";"],
    ...["\n", "\n\n", "\\", "\t", "#0", "@1", "é", "prompt", "on"],
  ];
  for (let i = 0; i < 300; i++) {
    const text = Array.from(
      { length: random.below(12) },
      () => random.pick(parts),
    ).join(random.pick([" ", "", ";"]));
    await socket.ask(text.slice(0, random.below(text.length + 1)) + "\n");
  }
});

Deno.test("wait ends when its condition holds, and says when it does not", async () => {
  await using socket = await bench();
  assert.equal(
    await socket.ask(
      "wait 1 srv-removable old;wait 30s srv-removable new/imap;wait 1ms;wait 1 no-sessions x\n",
    ),
    "Wait delay expired.\n\nDone.\n\n\nWait delay expired.\n\n",
  );
  for (
    const [line, answer] of [
      ["wait soon", "Invalid delay 'soon'"],
      ["wait 2d", "Invalid delay: at most"],
      ["wait 1 srv-removable nowhere", "No such backend."],
      ["wait 1 srv-removable old/lmtp", "No such server."],
      ["wait 1 srv-removable", "'wait' needs to know"],
      ["wait 1 rain x", "Unknown condition"],
    ] as const
  ) {
    const told = await socket.ask(`${line}\n`);
    assert.ok(told.startsWith(answer), told);
  }
});

Deno.test("show events follows the log until something is typed", async () => {
  await using socket = await bench();
  const journal = socket.control.log;
  const line = (event: string) =>
    ({ time: 0, level: "info", event, fields: {} }) as const;
  journal.take(line("first"));
  using client = await RuntimeClient.connect(socket.path);
  await client.send("prompt\nshow events log -w\n");
  await client.until("event=first\n");
  journal.take(line("second"));
  await client.until("event=second\n");
  await client.send("stop\n");
  await client.until("\n> ");
  await client.send("show events log -n\nshow events errors\nquit\n");
  assert.equal(await client.rest(), "\n> \n> ");
});

Deno.test("a client that does not read its answer is dropped", async () => {
  await using socket = await bench();
  for (let i = 0; i < 40_000; i++) {
    socket.control.plane.mappings.set(`account-${i}@example.com`, "old");
  }
  using client = await RuntimeClient.connect(socket.path);
  await client.send("set timeout cli 100ms;show map mappings\n");
  await within("the end of the conversation", Promise.all(socket.over));
  assert.equal(socket.over.length, 1);
});

Deno.test("a silent client is closed after the time that it asked for", async () => {
  await using socket = await bench();
  using client = await RuntimeClient.connect(socket.path);
  await client.send("prompt;set timeout cli 50ms\n");
  assert.equal(await client.rest(), "\n> \n> ");
});

Deno.test("a version stands in front of the arguments, and is audited", async () => {
  await using socket = await bench();
  assert.equal(
    await socket.ask("prepare acl office;show acl\n"),
    "New version created: 1\n\n# id (file) description\n" +
      "0 (office) in memory. curr_ver=0 next_ver=1 entry_cnt=0\n\n",
  );
  const wrong: [string, string][] = [
    ["commit acl office", "Missing version number."],
    ["commit acl @x office", "Version number out of range."],
    ["add acl @ office 192.0.2.1", "Version number out of range."],
    ["commit acl @99999999999 office", "Version number out of range."],
    ["commit acl @1", "Missing ACL identifier."],
    ["clear acl @1", "Missing ACL identifier."],
    [
      "get acl @1 office 192.0.2.1",
      "Usage: get acl <acl> <address>",
    ],
    [
      "add acl @1 office",
      "'add acl' expects two parameters: ACL identifier and pattern.",
    ],
    [
      "show acl @1",
      "Unknown ACL identifier. Please use #<id> or <file>.",
    ],
  ];
  for (const [line, answer] of wrong) {
    assert.equal(await socket.ask(`${line}\n`), `${answer}\n\n`, line);
  }
  assert.equal(
    await socket.ask("add acl @1 office <<\n192.0.2.1\n192.0.2.2\n\n"),
    "\n",
  );
  assert.equal(await socket.ask("show acl office\n"), "\n");
  assert.equal(await socket.ask("commit acl @1 #0\n"), "\n");
  assert.match(
    await socket.ask("show acl office\n"),
    /^0x\w{12} 192\.0\.2\.1\n0x\w{12} 192\.0\.2\.2\n\n$/,
  );
  const { action, parameters, result } = socket.audit.at(-1)!;
  assert.deepEqual(
    [action, parameters, result],
    ["commit acl", { version: "@1", acl: "#0" }, "done"],
  );
});
