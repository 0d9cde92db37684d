import assert from "node:assert/strict";
import { parse } from "smol-toml";
import {
  loadConfig,
  openConfig,
  openDocument,
  validateDocument,
} from "./load.ts";
import { configSchema } from "./schema.ts";
import {
  BASE,
  configOf,
  emptyEnv,
  envOf,
  hostWith,
  load,
  problemsOf,
  warningsOf,
} from "./testing.ts";

Deno.test("loadConfig gives the defaults of the specification", () => {
  const config = configOf(BASE);
  assert.equal(config.server.bridge_idle, 1_800_000);
  assert.equal(config.server.proxy_ttl, 7);
  assert.equal(config.listener["imap"]?.max_connections, 8192);
  assert.equal(config.destination["old"]?.proxy_protocol, true);
  assert.equal(config.destination["old"]?.forwarding, undefined);
  assert.deepEqual(config.routing.master_user_separators, ["%"]);
  assert.equal(config.mapping.cache_max_entries, 1_000_000);
  assert.equal(config.admin, undefined);
});

Deno.test("loadConfig gives what the schema as a whole gives", () => {
  const plain = JSON.parse(JSON.stringify(configOf(BASE)));
  assert.deepEqual(plain, configSchema.parse(parse(BASE)));
});

Deno.test("loadConfig lists all problems at once, in the order of the file", () => {
  const found = problemsOf(`[server]
thread = 3
bridge_idle = "10 s"
[routing]
default_destination = "legacx"
[destination.legacy]
host = "10.0.1.10"
[destination.legacy.protocol.imap]
port = 143
tls = "starttls"
[destination.legacy.protocol.pop3]
port = 70000
tls = "plain"
[listener.lmtp]
protocol = "lmtp"
bind = ["0.0.0.0:24", "[::]:x"]
tls = "starttls"
[mapping]
source = "file"
`);
  const places = found.map((line) => line.split(": ").slice(0, 2).join(": "));
  assert.deepEqual(places, [
    "c.toml:2: server.thread",
    "c.toml:3: server.bridge_idle",
    "c.toml:4: routing.smtp_passthrough_destination",
    "c.toml:5: routing.default_destination",
    "c.toml:6: destination.legacy.tls_server_name",
    "c.toml:12: destination.legacy.protocol.pop3.port",
    "c.toml:13: destination.legacy.protocol.pop3.tls",
    "c.toml:16: listener.lmtp.bind[1]",
    "c.toml:17: listener.lmtp.tls",
    "c.toml:18: mapping.file",
  ]);
});

Deno.test("loadConfig words a problem as file, line, key, and what would be right", () => {
  const text = BASE.replace('host = "old.example.com"', 'host = "10.0.1.10"');
  assert.deepEqual(problemsOf(text), [
    "c.toml:5: destination.old.tls_server_name: required because host is an IP address and leg imap uses TLS",
  ]);
});

Deno.test("loadConfig names required keys of tables that are absent", () => {
  const keys = load("").ok ? [] : problemsOf("");
  assert.deepEqual(keys, [
    "c.toml: routing.default_destination: required: the name of a destination",
    'c.toml: mapping.source: required: one of "file", "redis", "sql"',
  ]);
});

Deno.test("loadConfig: an unknown key is a warning to serve and an error to check", () => {
  const text = `${BASE}[server]\nhostnam = "x"\n[quota]\nper_ip = 3\n`;
  const served = load(text, { strict: false });
  assert.ok(served.ok);
  assert.deepEqual(warningsOf(text, { strict: false }), [
    'c.toml:20: server.hostnam: unknown key, did you mean "hostname"? (ignored)',
    "c.toml:21: quota: unknown key (ignored)",
  ]);
  assert.deepEqual(problemsOf(text), [
    'c.toml:20: server.hostnam: unknown key, did you mean "hostname"?',
    "c.toml:21: quota: unknown key",
  ]);
});

Deno.test("loadConfig: unknown keys are found in every kind of table", () => {
  const found = problemsOf(
    `${BASE}[listener.imap.x]\n[destination.old.protocol.imaps]\nport = 1\n[[http.route]]\nmatch = "/"\ndestination = "old"\nmethod = "GET"\n`,
  );
  const has = (part: string) => found.some((line) => line.includes(part));
  assert.ok(has("listener.imap.x: unknown key"));
  assert.ok(
    has('destination.old.protocol.imaps: unknown key, did you mean "imap"?'),
  );
  assert.ok(has("http.route[0].method: unknown key"));
});

Deno.test("loadConfig says where a text is no TOML, without quoting it", () => {
  const [only, ...more] = problemsOf(
    'a = 1\n[admin]\nbearer_token = "hunter2\n',
  );
  assert.deepEqual(more, []);
  assert.match(only!, /^c\.toml:\d+: not valid TOML: /);
  assert.ok(!only!.includes("hunter2"));
});

Deno.test("loadConfig says that a list is empty where it must not be", () => {
  const found = problemsOf(BASE.replace(/bind = \[[^\]]*\]/, "bind = []"));
  assert.match(found.join(), /at least one address, not an empty list/);
});

Deno.test("loadConfig refuses a text that is nested without end", () => {
  for (const open of ["[", "{a="]) {
    const found = problemsOf(`a = ${open.repeat(100_000)}`);
    assert.match(found.join(), /^c\.toml:1: not valid TOML: /);
  }
});

Deno.test("loadConfig never shows a secret", () => {
  const secrets =
    `${BASE}[mapping.redis]\nurl = "http://:hunter2@h"\n[mapping.sql]\nurl = "hunter2"\nquery = "q"\n[admin]\nbind = "127.0.0.1:0"\nbearer_token = ["hunter2"]\n`;
  const found = problemsOf(secrets);
  assert.equal(found.length, 4);
  assert.ok(!found.join("\n").includes("hunter2"));
  const short = problemsOf(
    `${BASE}[admin]\nbind = "127.0.0.1:0"\nbearer_token = "hunter2"\n`,
  );
  assert.equal(short.length, 1);
  assert.ok(!short.join("\n").includes("hunter2"));
});

Deno.test("loadConfig refuses wrong types in every place without giving up", () => {
  const found = problemsOf(
    `server = 1\nlistener = []\ndestination = {a = 1, b = {host = 1, protocol = 2}}\nhttp = {route = 3}\n[routing]\ndefault_destination = 1979-05-27\nmaster_user_separators = [""]\n[mapping]\nsource = "file"\nfile = "x"\n[tls]\ncertificate.x = {cert = true, key = "k"}\n`,
  );
  for (
    const key of [
      "server: must be a table",
      "listener: must be a table",
      "destination.a: must be a table",
      "destination.b.host: must be",
      "destination.b.protocol: must be a table",
      "http.route: must be a list of tables",
      "routing.default_destination: must be the name of a destination, not a date",
      "routing.master_user_separators[0]: must be",
      "mapping.file: must be a table",
      "tls.certificate.x.cert: must be the path of a file, not true",
    ]
  ) {
    assert.ok(
      found.some((line) => line.includes(key)),
      `${key}\n${found.join("\n")}`,
    );
  }
});

Deno.test("loadConfig refuses names that could not be used", () => {
  const found = problemsOf(
    `${BASE}[destination."a b"]\nhost = "h"\n[listener."__proto__"]\nprotocol = "imap"\n`,
  );
  assert.deepEqual(found.map((line) => line.split(": ")[1]), [
    'destination."a b"',
    "listener.__proto__",
  ]);
});

Deno.test("loadConfig: inherited properties are no destinations", () => {
  const text = BASE.replace(
    'default_destination = "old"',
    'default_destination = "constructor"',
  );
  assert.match(problemsOf(text)[0]!, /"constructor" is not declared/);
  assert.equal(configOf(BASE).destination["constructor"], undefined);
});

Deno.test("loadConfig reads a byte order mark and CRLF", () => {
  assert.ok(load(`\ufeff${BASE.replaceAll("\n", "\r\n")}`).ok);
});

Deno.test("loadConfig warns about an unknown PROXY_LOG", () => {
  const [warning] = warningsOf(BASE, { env: envOf({ PROXY_LOG: "loud" }) });
  assert.match(warning!, /PROXY_LOG: unknown level/);
});

Deno.test("loadConfig never throws on cut, changed or random text", async () => {
  const options = { file: "c.toml", strict: true, env: emptyEnv };
  for (let end = 0; end < BASE.length; end += 3) {
    await loadConfig(BASE.slice(0, end), options);
    await loadConfig(BASE.slice(end), options);
  }
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  const bits = [
    "[",
    "]",
    "{",
    "}",
    "=",
    '"',
    "'",
    ".",
    "\n",
    "#",
    "\\",
    "\0",
    "é",
    "1",
    "a",
    "[[",
    '"""',
    ",",
  ];
  for (let round = 0; round < 400; round++) {
    const at = random(BASE.length);
    const bit = bits[random(bits.length)]!;
    await loadConfig(
      BASE.slice(0, at) + bit + BASE.slice(at + random(4)),
      options,
    );
    const noise = Array.from(
      { length: random(40) },
      () => bits[random(bits.length)],
    );
    await loadConfig(noise.join(""), options);
  }
});

Deno.test("validateDocument takes any JSON value", async () => {
  const options = { file: "request", strict: true, env: emptyEnv };
  for (
    const value of [null, 1, "x", [], [[]], { listener: null }, {
      server: { threads: null },
    }]
  ) {
    assert.equal((await validateDocument(value, options)).ok, false);
  }
  assert.ok((await validateDocument(parse(BASE), options)).ok);
});

Deno.test("loadConfig refuses ids that the configuration API could not find", () => {
  const found = problemsOf(`${BASE}
[server]
"@id" = "x"
[oauth]
"@id" = "x"
[http]
"@id" = true
`);
  assert.deepEqual(
    found.map((problem) => problem.replace(/^.*?:\d+: /, "")),
    [
      'oauth."@id": server has the same',
      'http."@id": must be a string or a number',
    ],
  );
});

Deno.test("openConfig says that a file cannot be read", async () => {
  const result = await openConfig("no.toml", {
    strict: true,
    env: emptyEnv,
    host: hostWith({}),
  });
  assert.ok(!result.ok);
  assert.equal(result.problems[0]!.message, "cannot be read: no such file");
});

Deno.test("regular expressions are looked at wherever a configuration comes from", async () => {
  const text =
    `${BASE}[[http.route]]\nmatch = "/"\nextract = {from = "body", regex = "(a"}\n`;
  const options = { file: "c.toml", strict: true, env: emptyEnv };
  const host = hostWith({ "c.toml": text });
  const results = [
    await loadConfig(text, options),
    await validateDocument(parse(text), options),
    await openConfig("c.toml", { ...options, host }),
    await openDocument(parse(text), "c.toml", { ...options, host }),
  ];
  const lines = results.map(({ ok, ...result }) =>
    "problems" in result
      ? result.problems.find(({ key }) => key.endsWith("regex"))
      : ok
  );
  const key = "http.route[0].extract.regex";
  const message = "is not in RE2 syntax: missing closing ): `(a`";
  assert.deepEqual(
    lines,
    [21, null, 21, null].map((line) => (
      { file: "c.toml", line, key, message }
    )),
  );
});
