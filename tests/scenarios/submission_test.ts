/** Submission through the built program: a fake server for faults, Postfix with swaks, smtplib and curl. */
import assert from "node:assert/strict";
import {
  FakeSmtpBackend,
  type SmtpBackendOptions,
} from "../support/fake_smtp_backend.ts";
import { Mailferry } from "../support/mailferry.ts";
import { Postfix } from "../support/postfix.ts";
import { outcome } from "../support/program.ts";
import { Ground, merge, type Table } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { plain, SmtpClient } from "../support/smtp_client.ts";
import { ALICE, BOB, PASSWORD } from "../support/stage.ts";

const LISTENERS: Table = {
  imap: undefined,
  imaps: undefined,
  submission: {
    protocol: "submission",
    bind: ["127.0.0.1:0"],
    tls: "starttls",
  },
  submissions: {
    protocol: "submission",
    bind: ["127.0.0.1:0"],
    tls: "implicit",
  },
  six: { protocol: "submission", bind: ["[::1]:0"], tls: "implicit" },
};

/** alice is on "old", the default; bob is on "new". */
class SmtpStage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly old: FakeSmtpBackend,
    readonly new_: FakeSmtpBackend,
    readonly proxy: Mailferry,
  ) {}

  static async create(
    options: Partial<SmtpBackendOptions> = {},
    config: Table = {},
  ): Promise<SmtpStage> {
    const ground = await Ground.create();
    const certificate = await ground.authority.issue(["backend.test"]);
    const backend = (name: string) =>
      new FakeSmtpBackend({ name, certificate, ...options });
    const old = backend("old");
    const new_ = backend("new");
    const tls = options.tls ?? "plain";
    const destination = ({ port }: FakeSmtpBackend): Table => ({
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      forwarding: "xclient",
      allow_plaintext_auth: tls === "plain",
      protocol: { submission: { port, tls } },
    });
    try {
      const base: Table = {
        listener: LISTENERS,
        destination: { old: destination(old), new: destination(new_) },
      };
      const proxy = await Mailferry.start({
        ground,
        config: merge(base, config),
        mappings: { [ALICE]: "old", [BOB]: "new" },
      });
      return new SmtpStage(ground, old, new_, proxy);
    } catch (error) {
      for (const thing of [old, new_, ground]) {
        await thing[Symbol.asyncDispose]();
      }
      throw error;
    }
  }

  client(): Promise<SmtpClient> {
    return SmtpClient.tls(this.proxy.listener("submissions"), this.proxy.ca);
  }

  plainClient(): Promise<SmtpClient> {
    return SmtpClient.plain(this.proxy.listener("submission"), this.proxy.ca);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const thing of [this.proxy, this.old, this.new_, this.ground]) {
      await thing[Symbol.asyncDispose]();
    }
  }
}

Deno.test("a submission login on either listener ends at its account's server, which is told the client", async () => {
  await using stage = await SmtpStage.create({
    tls: "starttls",
    keywords: [
      "XCLIENT ADDR PORT DESTADDR DESTPORT SESSION TTL HELO PROTO LOGIN",
      "AUTH PLAIN",
    ],
  });
  for (const mode of ["implicit", "starttls"]) {
    for (
      const [account, server] of [
        [ALICE, stage.old],
        [BOB, stage.new_],
      ] as const
    ) {
      using client = mode === "implicit"
        ? await stage.client()
        : await stage.plainClient();
      assert.match(client.greeting, /^220 proxy\.test /);
      if (mode === "starttls") {
        const ehlo = await client.transact("EHLO client.test");
        assert.equal(ehlo.at(-1), "250 STARTTLS");
        assert.match(
          (await client.transact(`AUTH PLAIN ${plain(account, PASSWORD)}`))[0]!,
          /^538 5\.7\.11 /,
        );
        await client.startTls();
      }
      assert.deepEqual(await client.logIn(account, PASSWORD), [
        `235 2.7.0 logged in to ${server.options.name}`,
      ]);
      const { commands, credentials } = server.last;
      assert.deepEqual(commands.slice(0, 3), [
        "EHLO client.test",
        "STARTTLS",
        "EHLO client.test",
      ]);
      const [session] = await stage.proxy.sessions();
      const { port } = stage.proxy.listener(
        mode === "implicit" ? "submissions" : "submission",
      );
      assert.equal(
        commands[3],
        `XCLIENT ADDR=127.0.0.1 PORT=${client.localPort} DESTADDR=127.0.0.1 ` +
          `DESTPORT=${port} SESSION=${
            session!.id
          } TTL=6 HELO=client.test PROTO=ESMTP`,
      );
      assert.equal(commands[4], "EHLO client.test");
      assert.deepEqual(credentials.map(({ authcid }) => authcid), [account]);
      await client.transact("QUIT");
      await stage.proxy.ended(client.localPort);
      await stage.proxy.empty();
    }
  }
});

Deno.test("a message of many lines goes through with commands pipelined around AUTH", async () => {
  await using stage = await SmtpStage.create();
  using client = await stage.client();
  const message = `Subject: long\r\n\r\n${"..x".repeat(20)}\r\n`.repeat(20_000);
  await client.transact("EHLO client.test");
  await client.send(
    `AUTH PLAIN ${plain(BOB, PASSWORD)}\r\n` +
      `MAIL FROM:<${BOB}>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\n`,
  );
  const codes = [];
  for (let at = 0; at < 4; at++) codes.push((await client.reply())[0]?.[0]);
  assert.deepEqual(codes, ["2", "2", "2", "3"]);
  await client.send(`${message}.\r\n`);
  assert.deepEqual(await client.reply(), ["250 2.0.0 queued at new"]);
  assert.ok(stage.new_.last.messages[0] === message);
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("a refused login is answered in the server's words, and the next account gets its own server", async () => {
  await using stage = await SmtpStage.create();
  const refusal = ["535-5.7.8 No", "535 5.7.8 Wrong password, says old"];
  stage.old.answer = (command) =>
    command.startsWith("AUTH ") ? refusal.join("\r\n") : undefined;
  using client = await stage.client();
  assert.deepEqual(await client.logIn(ALICE, PASSWORD), refusal);
  assert.deepEqual(await client.transact("MAIL FROM:<>"), [
    "530 5.7.0 Authentication required",
  ]);
  assert.deepEqual(
    await client.transact(`AUTH PLAIN ${plain(BOB, PASSWORD)}`),
    ["235 2.7.0 logged in to new"],
  );
  assert.deepEqual(await client.transact("NOOP"), ["250 2.0.0 new"]);
  await stage.proxy.entry(
    "the refused login",
    (entry) =>
      entry.event === "login_failed" && entry.protocol === "submission",
  );
});

Deno.test("whatever goes wrong at the server before its verdict, the client is told 421 and let go", async () => {
  await using stage = await SmtpStage.create({ tls: "starttls" }, {
    server: { backend_timeout: "500ms", host_down_min_clients: 100 },
  });
  const at = (verb: string, reply: string | null) => (command: string) =>
    command.startsWith(verb) && (verb !== "" || command === "")
      ? reply
      : undefined;
  let hellos = 0;
  const faults = [
    at("", null),
    at("", ""),
    at("", "554 5.3.2 not today"),
    at("", "220 half\r\n220-a"),
    at("", "* OK IMAP4rev1"),
    at("EHLO", "500 5.5.2 unknown"),
    at("EHLO", "451 4.3.0 later"),
    at("EHLO", "250-old\r\n250 AUTH PLAIN"),
    at("EHLO", null),
    at("STARTTLS", "454 4.7.0 no TLS now"),
    at("STARTTLS", "501 5.5.4 no"),
    at("STARTTLS", "220 go\r\n250 injected"),
    at("STARTTLS", null),
    (command: string) =>
      command.startsWith("EHLO") && ++hellos === 2
        ? "421 4.3.2 bye"
        : undefined,
    at("AUTH", "421 4.3.2 bye"),
    at("AUTH", "250 2.0.0 what?"),
    at("AUTH", "garbage"),
    at("AUTH", ""),
    at("AUTH", null),
  ];
  for (const [index, fault] of faults.entries()) {
    stage.old.answer = fault;
    using client = await stage.client();
    const told = await client.logIn(ALICE, PASSWORD);
    assert.deepEqual(
      told,
      ["421 4.3.0 Temporary failure, try again later"],
      `fault ${index}`,
    );
    assert.equal(await client.lineOrEnd(), null);
  }
  for (const { credentials } of stage.old.connections) {
    assert.deepEqual(credentials, []);
  }
});

Deno.test("a server that refuses XCLIENT gets the login without, and the log one line", async () => {
  await using stage = await SmtpStage.create({
    keywords: ["XCLIENT ADDR PORT", "AUTH PLAIN"],
  });
  stage.old.answer = (command) =>
    command.startsWith("XCLIENT")
      ? "550 5.7.0 insufficient authorization"
      : undefined;
  for (let round = 0; round < 3; round++) {
    using client = await stage.client();
    assert.match((await client.logIn(ALICE, PASSWORD))[0]!, /^235 /);
  }
  const entry = await stage.proxy.event("forwarding_refused");
  assert.deepEqual([entry.destination, entry.protocol], ["old", "submission"]);
  await stage.proxy.empty();
  assert.equal(stage.proxy.count("forwarding_refused"), 1);
});

Deno.test("what a client sends in clear behind STARTTLS is never executed, nor what stands behind a lone line feed", async () => {
  await using stage = await SmtpStage.create();
  using early = await stage.plainClient();
  await early.send("EHLO c\r\nSTARTTLS\r\nEHLO injected\r\n");
  const lines = (await early.rest()).split("\r\n");
  assert.equal(lines.filter((line) => line.startsWith("220 ")).length, 1);
  const record = await stage.proxy.ended(early.localPort);
  assert.equal(record.reason, "cleartext-after-starttls");
  using smuggler = await stage.client();
  await smuggler.transact("EHLO c");
  await smuggler.send(
    `NOOP\nAUTH PLAIN ${plain(ALICE, PASSWORD)}\r\nNO\rOP\r\nQUIT\r\n`,
  );
  const replies = (await smuggler.rest()).trim().split("\r\n");
  assert.deepEqual(
    replies.map((line) => line.slice(0, 9)),
    ["500 5.5.2", "500 5.5.2", "500 5.5.2", "221 2.0.0"],
  );
  assert.equal(stage.old.connections.length, 0);
});

/** alice is on "old", reached by implicit TLS, bob on "new", by STARTTLS; both are one Postfix. */
class PostfixStage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly postfix: Postfix,
    readonly proxy: Mailferry,
  ) {}

  static async create(): Promise<PostfixStage> {
    const ground = await Ground.create();
    const { authority, folder } = ground;
    const started: AsyncDisposable[] = [ground];
    try {
      const postfix = await Postfix.start({ name: "mx", folder, authority });
      started.unshift(postfix);
      const proxy = await Mailferry.start({
        ground,
        config: {
          listener: LISTENERS,
          destination: {
            old: postfix.destination("implicit"),
            new: postfix.destination("starttls"),
          },
        },
        mappings: { [ALICE]: "old", [BOB]: "new" },
      });
      return new PostfixStage(ground, postfix, proxy);
    } catch (error) {
      for (const thing of started) await thing[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Wait until Postfix took a message of `user` from a client at `address`. */
  async took(user: string, address: string, method: string): Promise<void> {
    const quoted = address.replaceAll(".", "\\.");
    await this.postfix.logged(
      `a message of ${user} from ${address}`,
      new RegExp(
        `client=unknown\\[${quoted}\\], sasl_method=${method}, sasl_username=${user}`,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const thing of [this.proxy, this.postfix, this.ground]) {
      await thing[Symbol.asyncDispose]();
    }
  }
}

needs(
  ["root", "postfix", "dovecot", "swaks"],
  "swaks submits in every TLS mode and by PLAIN and LOGIN, and Postfix logs its address",
  async () => {
    await using stage = await PostfixStage.create();
    let last = 60;
    for (
      const [mode, listener] of [
        ["--tls", "submission"],
        ["--tls-on-connect", "submissions"],
      ] as const
    ) {
      for (const method of ["PLAIN", "LOGIN"]) {
        for (const user of [ALICE, BOB]) {
          const address = `127.0.0.${++last}`;
          const { port } = stage.proxy.listener(listener);
          const { code, text } = await outcome("swaks", [
            ...["--server", "127.0.0.1", "--port", String(port), mode],
            ...["--local-interface", address, "--ehlo", "swaks.test"],
            ...["--auth", method, "--auth-user", user],
            ...["--auth-password", PASSWORD],
            ...["--from", user, "--to", "someone@example.com"],
          ]);
          assert.equal(code, 0, text);
          assert.match(text, /250 2\.0\.0 Ok: queued/);
          // Whichever of the two the client chose, PLAIN is what goes to the backend.
          await stage.took(user, address, "PLAIN");
        }
      }
    }
  },
);

needs(
  ["root", "postfix", "dovecot", "swaks"],
  "swaks is refused in clear, and with a wrong password in Postfix's words",
  async () => {
    await using stage = await PostfixStage.create();
    const submission = String(stage.proxy.listener("submission").port);
    const attempt = (...more: string[]) =>
      outcome("swaks", [
        ...["--server", "127.0.0.1", "--port", submission],
        ...["--auth", "PLAIN", "--auth-user", ALICE, ...more],
        ...["--from", ALICE, "--to", "someone@example.com"],
      ]);
    const clear = await attempt("--auth-password", PASSWORD);
    assert.notEqual(clear.code, 0);
    assert.doesNotMatch(clear.text, /250[ -]AUTH/);
    const wrong = await attempt("--tls", "--auth-password", "wrong");
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.text, /535 5\.7\.8 Error: authentication failed/);
  },
);

const SMTPLIB = `
import smtplib, ssl, sys
mode, port, ca, source, user, other, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if mode == "submissions":
    s = smtplib.SMTP_SSL("127.0.0.1", int(port), local_hostname="py.test",
                         context=context, source_address=(source, 0))
else:
    s = smtplib.SMTP("127.0.0.1", int(port), local_hostname="py.test", source_address=(source, 0))
    s.starttls(context=context)
try:
    s.login(user, "wrong")
    sys.exit("a wrong password was taken")
except smtplib.SMTPAuthenticationError as e:
    assert e.smtp_code == 535, e
s.login(other, password)
s.sendmail(other, ["someone@example.com"], b"Subject: hello\\r\\n\\r\\n" + b"x" * 70 + b"\\r\\n.\\r\\n")
s.quit()
`;

needs(
  ["root", "postfix", "dovecot", "python3"],
  "smtplib is refused for one account and sends for another over the same connection",
  async () => {
    await using stage = await PostfixStage.create();
    for (
      const [mode, source] of [
        ["submissions", "127.0.0.81"],
        ["submission", "127.0.0.82"],
      ] as const
    ) {
      const { code, text } = await outcome("python3", [
        ...["-c", SMTPLIB, mode, String(stage.proxy.listener(mode).port)],
        ...[stage.ground.authority.file, source, ALICE, BOB, PASSWORD],
      ]);
      assert.equal(code, 0, text);
      await stage.took(BOB, source, "PLAIN");
    }
  },
);

needs(
  ["root", "postfix", "dovecot", "curl"],
  "curl submits a large message over smtps, over smtp with STARTTLS and from an IPv6 address",
  async () => {
    await using stage = await PostfixStage.create();
    const file = `${stage.ground.folder}/message`;
    const body = `${"0123456789".repeat(7)}\r\n`.repeat(60_000);
    await Deno.writeTextFile(file, `Subject: large\r\n\r\n${body}`);
    for (
      const [scheme, listener, host, source] of [
        ["smtps", "submissions", "127.0.0.1", "127.0.0.91"],
        ["smtp", "submission", "127.0.0.1", "127.0.0.92"],
        ["smtps", "six", "[::1]", "::1"],
      ] as const
    ) {
      const { port } = stage.proxy.listener(listener);
      const { code, text } = await outcome("curl", [
        ...["--silent", "--show-error", "--ssl-reqd"],
        ...["--cacert", stage.ground.authority.file, "--interface", source],
        ...["--user", `${BOB}:${PASSWORD}`, "--mail-from", BOB],
        ...["--mail-rcpt", "someone@example.com", "--upload-file", file],
        `${scheme}://${host}:${port}/curl.test`,
      ]);
      assert.equal(code, 0, text);
      await stage.took(BOB, source, "PLAIN");
    }
    const sizes = [...stage.postfix.log().matchAll(/ size=(\d+)/g)];
    assert.equal(sizes.length, 3);
    assert.ok(sizes.every(([, size]) => Number(size) > 4_000_000));
  },
);
