/** The whole story: a user of all four protocols with a login is moved by one call, and misses nothing. */
import assert from "node:assert/strict";
import { Dovecot } from "../support/dovecot.ts";
import { FakeSmtpBackend } from "../support/fake_smtp_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { LineClient } from "../support/line_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { ManageSieveClient } from "../support/managesieve_client.ts";
import { Ground, PASSWORD } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { SmtpClient } from "../support/smtp_client.ts";
import { ALICE, login } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const PROTOCOLS = [
  "imap",
  "pop3",
  "managesieve",
  "submission",
  "lmtp",
] as const;

/** Everything that is delivered lands in a folder, which shows that the script was run. */
const SCRIPT = 'require ["fileinto", "mailbox"];\nfileinto :create "Filed";\n';

const message = (subject: string) =>
  `From: ${ALICE}\r\nTo: ${ALICE}\r\nSubject: ${subject}\r\n\r\nHello.\r\n`;

/** One server of the estate, and the SMTP server behind it that takes what its users send. */
class Server implements AsyncDisposable {
  private constructor(
    readonly relay: FakeSmtpBackend,
    readonly dovecot: Dovecot,
  ) {}

  static async start(
    name: string,
    { folder, authority }: Ground,
    forwarding: "proxy" | "xclient",
  ): Promise<Server> {
    const relay = new FakeSmtpBackend({ name, keywords: ["PIPELINING"] });
    try {
      const dovecot = await Dovecot.start({
        ...{ name, folder, authority, forwarding },
        protocols: PROTOCOLS,
        relay: relay.port,
      });
      return new Server(relay, dovecot);
    } catch (error) {
      await relay[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Messages that its users have sent. */
  get sent(): string[] {
    return this.relay.connections.flatMap(({ messages }) => messages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dovecot[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
  }
}

/** What a user has open, each of them logged in. */
class Programs implements Disposable {
  private constructor(
    readonly imap: ImapClient,
    readonly pop3: LineClient,
    readonly sieve: ManageSieveClient,
    readonly submission: SmtpClient,
  ) {}

  static async start(proxy: Mailferry): Promise<Programs> {
    const { ca } = proxy;
    const imap = await ImapClient.tls(proxy.listener("imaps"), ca);
    const pop3 = await LineClient.tls(proxy.listener("pop3s"), ca);
    const sieve = await ManageSieveClient.upgraded(
      proxy.listener("sieve"),
      ca,
    );
    const submission = await SmtpClient.tls(proxy.listener("submissions"), ca);
    const programs = new Programs(imap, pop3, sieve, submission);
    assert.equal((await imap.transact(login(ALICE))).status, "OK");
    await programs.pop3Line(`USER ${ALICE}`);
    await programs.pop3Line(`PASS ${PASSWORD}`);
    assert.equal((await sieve.logIn(ALICE)).status, "OK");
    assert.match((await submission.logIn(ALICE, PASSWORD))[0]!, /^235 /);
    return programs;
  }

  get all(): LineClient[] {
    return [this.imap, this.pop3, this.sieve, this.submission];
  }

  /** Subjects in a mailbox. */
  async subjects(mailbox: string): Promise<string[]> {
    const selected = await this.imap.transact(`EXAMINE ${mailbox}`);
    assert.equal(selected.status, "OK", selected.text);
    const { untagged } = await this.imap.transact(
      "UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
    );
    return untagged.flatMap((line) => /^Subject: (.*)$/.exec(line)?.[1] ?? []);
  }

  /** Put a copy of what was sent where mail programs keep it. */
  async keepSent(text: string): Promise<void> {
    await this.imap.transact("CREATE Sent");
    const literal = `{${text.length}+}\r\n${text}`;
    const { status } = await this.imap.transact(`APPEND Sent ${literal}`);
    assert.equal(status, "OK");
  }

  async pop3Line(command: string): Promise<string> {
    await this.pop3.send(`${command}\r\n`);
    const line = await this.pop3.line();
    assert.match(line, /^\+OK/);
    return line;
  }

  async send(text: string): Promise<void> {
    await transfer(this.submission, text);
  }

  [Symbol.dispose](): void {
    for (const client of this.all) client.close();
  }
}

/** One message from alice to herself, over a session that may send. */
async function transfer(client: SmtpClient, text: string): Promise<void> {
  for (
    const [command, code] of [
      [`MAIL FROM:<${ALICE}>`, /^250 /],
      [`RCPT TO:<${ALICE}>`, /^250 /],
      ["DATA", /^354 /],
      [`${text}.`, /^250 /],
    ] as const
  ) {
    assert.match((await client.transact(command))[0]!, code);
  }
}

/** The logins that a server has in its log are those of `programs`, and it knows where they come from. */
async function logged({ dovecot }: Server, programs: Programs): Promise<void> {
  const sorted = (ports: number[]) => ports.sort((a, b) => a - b);
  await until(
    `four logins in the log of ${dovecot.options.name}`,
    () => dovecot.logins().length >= programs.all.length,
  );
  assert.deepEqual(
    sorted(dovecot.logins().map(({ port }) => port)),
    sorted(programs.all.map(({ localPort }) => localPort)),
  );
}

needs(
  ["dovecot"],
  "a user of IMAP, POP3, ManageSieve and submission is moved by one call and finds mail, scripts and what was sent",
  async () => {
    await using ground = await Ground.create();
    await using old = await Server.start("old", ground, "xclient");
    await using new_ = await Server.start("new", ground, "proxy");
    const on = (protocol: string, tls: string) => ({
      protocol,
      bind: ["127.0.0.1:0"],
      tls,
    });
    await using proxy = await Mailferry.start({
      ground,
      mappings: { [ALICE]: "old" },
      config: {
        listener: {
          pop3s: on("pop3", "implicit"),
          sieve: on("managesieve", "starttls"),
          submissions: on("submission", "implicit"),
          lmtp: on("lmtp", "plain"),
        },
        destination: {
          old: old.dovecot.destination("starttls"),
          new: new_.dovecot.destination("starttls"),
        },
        routing: { smtp_passthrough_destination: "new" },
      },
    });

    // A day on the old server.
    await old.dovecot.deliver(ALICE, "welcome");
    using before = await Programs.start(proxy);
    assert.deepEqual(await before.subjects("INBOX"), ["welcome"]);
    assert.match(await before.pop3Line("STAT"), /^\+OK 1 /);
    const put = `PUTSCRIPT "mine" {${SCRIPT.length}+}\r\n${SCRIPT}`;
    assert.equal((await before.sieve.transact(put)).status, "OK");
    assert.equal(
      (await before.sieve.transact('SETACTIVE "mine"')).status,
      "OK",
    );
    await before.send(message("first"));
    await before.keepSent(message("first"));
    assert.equal(old.sent.length, 1);
    assert.match(old.sent[0]!, /^Subject: first\r$/m);

    // The move: all four sessions end, and none comes back to the old server.
    await old.dovecot.copy(ALICE, new_.dovecot);
    await proxy.move(ALICE, "new");
    assert.equal(await proxy.kick(ALICE), 4);
    for (const client of before.all) {
      await client.drain();
      assert.equal((await proxy.ended(client)).reason, "kicked");
    }
    await logged(old, before);

    // The next one on the new server, with nothing changed on her side.
    using after = await Programs.start(proxy);
    assert.deepEqual(await after.subjects("INBOX"), ["welcome"]);
    assert.deepEqual(await after.subjects("Sent"), ["first"]);
    assert.match(await after.pop3Line("STAT"), /^\+OK 1 /);
    assert.deepEqual((await after.sieve.transact("LISTSCRIPTS")).data, [
      '"mine" ACTIVE',
    ]);
    await after.send(message("second"));
    assert.equal(old.sent.length, 1);
    assert.equal(new_.sent.length, 1);

    // What she sent to herself comes in through the proxy too, and her script files it.
    using inbound = await SmtpClient.plain(proxy.listener("lmtp"), "");
    await inbound.transact("LHLO relay.test");
    await transfer(inbound, new_.sent[0]!);
    assert.deepEqual(await after.subjects("Filed"), ["second"]);

    await logged(new_, after);
    await logged(old, before);
  },
);
