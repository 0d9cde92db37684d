/** Secrets of a configuration that has many, and of logins in every form, looked for wherever somebody may look. */
import assert from "node:assert/strict";
import { routes } from "../../src/admin/routes.ts";
import { tokenDigest } from "../../src/config/tokens.ts";
import { COMMANDS } from "../../src/runtime/table.ts";
import { ImapClient } from "../support/imap_client.ts";
import { refusedPort } from "../support/ports.ts";
import { ask, RuntimeClient } from "../support/runtime_client.ts";
import { ALICE, login, PASSWORD, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const LEVELS = ["user", "operator", "admin"] as const;

const base64 = (text: string) => new TextEncoder().encode(text).toBase64();

/** Everything that must be seen nowhere. */
const SECRETS = {
  environmentToken: "environment-token-of-the-tests-long-enough",
  fileToken: "file-token-of-the-tests-which-is-long-enough",
  hashedToken: "hashed-token-of-the-tests-long-enough",
  redis: "redis-password-of-the-tests",
  sql: "sql-password-of-the-tests",
  sqlQuery: "sslpassword-of-the-tests",
  otherUrl: "password-in-an-address-that-is-refused",
  shortToken: "too-short-a-token",
  unused: "token-that-nobody-asks-for",
  variable: "value-of-an-unknown-variable",
  password: PASSWORD,
  quoted: 'wrong "quoted" password',
  literal: "wrong literal password",
  plain: "wrong-password-of-plain",
  continued: "wrong-password-of-a-continuation",
  asked: "wrong-password-of-login",
  oauth: "wrong-token-of-xoauth2",
  bearer: "wrong-token-of-oauthbearer",
};

/** A secret as it is, and in the forms that others are written in. */
function formsOf(secret: string): string[] {
  // Where in a text a secret stands decides what its base64 is; the ends belong to what is around it.
  const inBase64 = [0, 1, 2].map((before) =>
    base64(" ".repeat(before) + secret + "   ").slice(before + 2, -8)
  );
  return [
    ...[secret, encodeURIComponent(secret), JSON.stringify(secret)],
    ...[JSON.stringify(secret).slice(1, -1), ...inBase64],
    new TextEncoder().encode(secret).toHex(),
  ];
}

/** The lines of a private key; any one of them is too much. */
const linesOf = (pem: string) =>
  pem.split("\n").filter((line) => line.length > 30 && !line.startsWith("--"));

/** Logins of every kind; all but the first are refused, or break the protocol. */
async function logIn(stage: Stage): Promise<void> {
  const client = async (dialogue: (client: ImapClient) => Promise<unknown>) => {
    using client = await stage.client();
    await dialogue(client);
  };
  const { quoted, literal, plain, continued, asked, oauth, bearer } = SECRETS;
  await client((c) => c.transact(login(ALICE)));
  await client((c) => c.transact(login(ALICE, quoted)));
  await client((c) =>
    c.transact(
      `LOGIN {${ALICE.length}+}\r\n${ALICE} {${literal.length}+}\r\n${literal}`,
    )
  );
  await client((c) =>
    c.transact(`AUTHENTICATE PLAIN ${base64(`\0${ALICE}\0${plain}`)}`)
  );
  const continuation = (words: string, ...answers: string[]) =>
    client(async (c) => {
      const tag = c.nextTag();
      await c.send(`${tag} ${words}\r\n`);
      for (const answer of answers) {
        await c.line();
        await c.send(`${answer}\r\n`);
      }
      await c.reply(tag);
    });
  await continuation(
    "AUTHENTICATE PLAIN",
    base64(`\0${ALICE}\0${continued}`),
  );
  await continuation("AUTHENTICATE LOGIN", base64(ALICE), base64(asked));
  await continuation(
    `LOGIN {${ALICE.length}}`,
    `${ALICE} {${literal.length}}`,
    literal,
  );
  await client((c) =>
    c.transact(
      `AUTHENTICATE XOAUTH2 ${
        base64(`user=${ALICE}\x01auth=Bearer ${oauth}\x01\x01`)
      }`,
    )
  );
  await client((c) =>
    c.transact(
      `AUTHENTICATE OAUTHBEARER ${
        base64(`n,a=${ALICE},\x01auth=Bearer ${bearer}\x01\x01`)
      }`,
    )
  );
  // What is no base64, no command, and no end of a line.
  await client((c) => c.transact(`AUTHENTICATE PLAIN !${plain}!`));
  await client((c) => c.transact(`LOGIN ${ALICE} "${quoted}`));
  await client((c) => c.transact(`LOGON ${ALICE} ${asked}`));
}

/** Every place of a document, as a path. */
function* placesOf(value: unknown, path = ""): Generator<string> {
  yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    yield* placesOf(member, `${path}/${encodeURIComponent(name)}`);
  }
}

/** Command lines that make each command say as much as it can, and end by themselves. */
function commandLines(): string[] {
  const lines = COMMANDS.map(({ words, args = [] }) => {
    const given = args.filter(({ optional }) => !optional)
      .map(({ text }) => text === "<map>" ? "mappings" : ALICE);
    return [...words, ...given].join(" ");
  }).filter((line) => !/^(shutdown|wait|takeover|probe|echo|quit)/.test(line));
  return [
    ...lines,
    ...[
      "show sess all",
      "show map mappings",
      "show info json",
      "show stat json",
    ],
    ...["show stat typed", "show events log", "show events errors"],
    ...["show ssl cert main", "show ssl cert *main", "show ssl cert main:2"],
    ...["show ssl cert *", "show servers state", "get map mappings " + ALICE],
    ...["PROXY_ADMIN_TOKEN", "DATABASE_URL", "SOMETHING"]
      .map((name) => `show env ${name}`),
    `probe old`,
  ];
}

Deno.test("no secret is seen in any answer, at any level, in the log or in a file that others can read", async () => {
  const folder = await Deno.makeTempDir();
  const state = `${folder}/state`;
  const socket = (level: string) => `${folder}/${level}.sock`;
  await Deno.writeTextFile(`${folder}/token`, SECRETS.fileToken);
  const refuse = ({ secret }: { secret: string }) =>
    secret === PASSWORD ? undefined : ["NO [AUTHENTICATIONFAILED] wrong"];
  const nobody = `127.0.0.1:${refusedPort()}`;
  const { redis, sql, sqlQuery, hashedToken } = SECRETS;
  const clientKey = `${folder}/client.key`;
  const clientCert = `${folder}/client.pem`;
  const stage = await Stage.create({
    old: { refuse },
    environment: {
      PROXY_ADMIN_TOKEN: SECRETS.environmentToken,
      DATABASE_URL: `mysql://u:${SECRETS.variable}@h/`,
      SOMETHING: SECRETS.variable,
    },
    config: {
      server: { threads: 1, state_dir: state, log_level: "trace" },
      // A store that does not answer: what it is complained of must not say how it was asked.
      mapping: {
        source: "sql",
        redis: { url: `redis://user:${redis}@${nobody}/1` },
        sql: {
          url: `postgres://user:${sql}@${nobody}/x?sslpassword=${sqlQuery}`,
          query: "SELECT 1",
        },
      },
      admin: {
        bearer_token: undefined,
        bearer_token_file: `${folder}/token`,
        token: [{
          name: "looks",
          role: "viewer",
          hash: `sha256:${tokenDigest(hashedToken)}`,
        }],
      },
      runtime: {
        socket: LEVELS.map((level) => ({ path: socket(level), level })),
      },
    },
  });
  await using _ = stage;
  const { proxy, ground } = stage;
  const api = (method: string, path: string, value?: unknown) =>
    proxy.admin(method, path, {
      token: SECRETS.environmentToken,
      body: JSON.stringify(value),
    });
  /** What was seen, and where. */
  const seen = new Map<string, string>();
  const tell = async (line: string, level = "admin") => {
    const answer = await ask(socket(level), `${line}\n`);
    seen.set(`${level}: ${line.split("\n")[0]}`, answer);
    return answer;
  };

  const [client, committed, pending] = await Promise.all(
    ["client", "committed", "pending"].map((file) =>
      ground.authority.issue(["proxy.test", "127.0.0.1"], { file })
    ),
  );
  await Deno.writeTextFile(clientCert, client!.certPem);
  await Deno.writeTextFile(clientKey, client!.keyPem);
  const files = { tls_client_cert: clientCert, tls_client_key: clientKey };
  for (const [name, path] of Object.entries(files)) {
    await api("POST", `/config/destination/new/${name}`, path);
  }
  const destination = JSON.parse(
    (await api("GET", "/config/destination/new")).body,
  );
  const changed = await api("PATCH", "/config/destination/new", {
    ...destination,
    ...files,
  });
  assert.equal(changed.status, 200, changed.body);
  const payload = ({ certPem, keyPem } = committed!) =>
    `set ssl cert main <<\n${(certPem + keyPem).trim()}\n`;
  await tell(payload());
  assert.match(await tell("commit ssl cert main"), /Success!/);
  await tell(payload(pending));
  assert.equal((await api("GET", "/pki/ca/local")).status, 200);

  using tracing = await RuntimeClient.connect(socket("admin"));
  await tracing.send(`trace account ${ALICE} 600\n`);
  await until("the trace", async () => {
    const { body } = await api("GET", "/audit");
    return body.includes("trace account");
  });
  await logIn(stage);
  using session = await stage.loggedIn(ALICE);
  // The first of these logins was accepted, and so is the last one.
  const accepted = () => tracing.until(" accepted: bridged\n");
  seen.set("trace", await accepted() + await accepted());

  // Not asked for while the environment has one, and hidden all the same.
  const { unused } = SECRETS;
  await api("POST", "/config/admin/bearer_token", unused);

  // What is refused is not repeated.
  const bad = `http://user:${SECRETS.otherUrl}@${nobody}`;
  for (
    const [path, value] of [
      ["mapping/redis/url", bad],
      ["mapping/sql/url", bad],
      ["mapping/source", "nothing"],
      ["admin/token/0/hash", `sha256:${SECRETS.shortToken}`],
      ["listener/imap/bind", bad],
    ] as const
  ) {
    const { status, body } = await api("POST", `/config/${path}`, value);
    // Where an address is no secret it is what the answer has to name.
    if (path !== "listener/imap/bind") seen.set(`POST ${path}`, body);
    assert.equal(status, 400, `${path}: ${body}`);
  }

  const document = JSON.parse((await api("GET", "/config/")).body);
  const gets = routes.filter(({ method }) => method === "GET")
    .map(({ path }) => path.replace("{path...}", ""));
  for (
    const path of [
      ...gets,
      ...[...placesOf(document)].map((place) => `/config${place}`),
      ...[`/mappings?identifier=${ALICE}`, `/explain?identifier=${ALICE}`],
    ]
  ) {
    const { body, headers } = await api("GET", path);
    seen.set(`GET ${path}`, body + JSON.stringify([...headers]));
  }
  for (const level of LEVELS) {
    await Promise.all(commandLines().map((line) => tell(line, level)));
  }
  assert.equal((await session.transact("NOOP")).status, "OK");
  seen.set("log", JSON.stringify(proxy.log));

  const keys = await Promise.all(
    [ground.certificate, client!, committed!, pending!]
      .map(({ keyPem }) => linesOf(keyPem)),
  );
  const kept = [...Deno.readDirSync(state)].map(({ name }) => name).sort();
  assert.ok(kept.includes("config.json") && kept.includes("overrides.json"));
  for (const name of kept) {
    const { mode } = await Deno.stat(`${state}/${name}`);
    assert.equal((mode! & 0o777).toString(8), "600", name);
    const text = await Deno.readTextFile(`${state}/${name}`);
    if (/PRIVATE KEY/.test(text) && name !== "overrides.json") {
      const [, own = ""] = /BEGIN [A-Z ]*PRIVATE KEY-----([^-]+)/.exec(text)!;
      keys.push(linesOf(own));
    }
  }
  assert.equal(((await Deno.stat(state)).mode! & 0o777).toString(8), "700");
  assert.ok(keys.every((lines) => lines.length > 0) && keys.length > 4);

  const hidden = [
    ...Object.entries(SECRETS).flatMap(([name, secret]) =>
      formsOf(secret).map((form) => [name, form] as const)
    ),
    ["digest", tokenDigest(hashedToken)] as const,
    ...keys.flat().map((line) => ["key", line] as const),
  ];
  const found = [...seen].flatMap(([place, text]) =>
    hidden.filter(([, form]) => text.includes(form))
      .map(([name]) => `${name} in ${place}`)
  );
  assert.deepEqual(found, []);
  // The search would have found them.
  assert.ok(seen.size > 300);
  const { plain } = SECRETS;
  const response = base64(`\0${ALICE}\0${plain}`);
  assert.ok(formsOf(plain).some((form) => response.includes(form)));
  await Deno.remove(folder, { recursive: true });
});
