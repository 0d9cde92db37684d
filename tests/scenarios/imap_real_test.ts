/** Real servers and real clients: two Dovecots, imaplib, curl and mbsync. */
import assert from "node:assert/strict";
import { Dovecot } from "../support/dovecot.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { output } from "../support/program.ts";
import { Ground } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB, login, PASSWORD } from "../support/stage.ts";

/** "old" takes PROXY v2 on implicit TLS, "new" takes ID from trusted networks behind STARTTLS. */
class RealStage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly old: Dovecot,
    readonly new_: Dovecot,
    readonly proxy: Mailferry,
  ) {}

  static async create(): Promise<RealStage> {
    const started: AsyncDisposable[] = [];
    const keep = <T extends AsyncDisposable>(thing: T): T => {
      started.unshift(thing);
      return thing;
    };
    try {
      const ground = keep(await Ground.create());
      const { authority, folder } = ground;
      const [old, new_] = await Promise.all(
        ([["old", "proxy"], ["new", "xclient"]] as const).map(
          async ([name, forwarding]) => {
            const options = { name, folder, authority, forwarding };
            return keep(await Dovecot.start(options));
          },
        ),
      ) as [Dovecot, Dovecot];
      for (const account of [ALICE, BOB]) {
        await old.deliver(account, `for ${account} on old`, "old text");
        await new_.deliver(account, `for ${account} on new`, "new text");
      }
      const proxy = keep(
        await Mailferry.start({
          ground,
          mappings: { [ALICE]: "old", [BOB]: "new" },
          config: {
            server: { threads: 2 },
            destination: {
              old: old.destination("implicit"),
              new: new_.destination("starttls"),
            },
          },
        }),
      );
      return new RealStage(ground, old, new_, proxy);
    } catch (error) {
      for (const thing of started) await thing[Symbol.asyncDispose]();
      throw error;
    }
  }

  get caFile(): string {
    return this.ground.authority.file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const thing of [this.proxy, this.new_, this.old, this.ground]) {
      await thing[Symbol.asyncDispose]();
    }
  }
}

const IMAPLIB = `
import imaplib, json, ssl, sys
mode, port, ca, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if mode == "imaps":
    m = imaplib.IMAP4_SSL("127.0.0.1", int(port), ssl_context=context)
else:
    m = imaplib.IMAP4("127.0.0.1", int(port))
    m.starttls(context)
local = m.socket().getsockname()
m.login(user, password)
count = m.select("INBOX")[1][0].decode()
data = m.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1].decode()
append = m.append("INBOX", None, None, b"Subject: appended\\r\\n\\r\\n" + b"x" * 100000)
m.noop()
m.logout()
print(json.dumps({"port": local[1], "count": count, "subject": data.strip(), "append": append[0]}))
`;

needs(
  ["dovecot", "python3"],
  "imaplib logs in on both listeners to both servers, which log its address",
  async () => {
    await using stage = await RealStage.create();
    for (const mode of ["imaps", "imap"]) {
      for (
        const [account, server] of [
          [ALICE, stage.old],
          [BOB, stage.new_],
        ] as const
      ) {
        const port = String(stage.proxy.listener(mode).port);
        const said = JSON.parse(
          await output("python3", [
            ...["-c", IMAPLIB, mode, port],
            ...[stage.caFile, account, PASSWORD],
          ]),
        );
        const { name } = server.options;
        assert.equal(said.subject, `Subject: for ${account} on ${name}`);
        assert.equal(said.append, "OK");
        const logged = await server.login(
          `a login from port ${said.port}`,
          (l) => l.port === said.port,
        );
        assert.deepEqual(
          [logged.user, logged.address, logged.tls],
          [account, "127.0.0.1", true],
        );
        const record = await stage.proxy.ended(said.port);
        assert.ok(Number(record.bytes_in) > 100_000);
      }
    }
  },
);

needs(
  ["dovecot", "curl"],
  "curl reads a message over imaps and over imap with STARTTLS from its own address",
  async () => {
    await using stage = await RealStage.create();
    const clients = [["imaps", "127.0.0.77"], ["imap", "127.0.0.78"]] as const;
    for (const [scheme, address] of clients) {
      for (
        const [account, server] of [
          [ALICE, stage.old],
          [BOB, stage.new_],
        ] as const
      ) {
        const { port } = stage.proxy.listener(scheme);
        const message = await output("curl", [
          ...["-s", "-S", "--ssl-reqd", "--cacert", stage.caFile],
          ...["--interface", address, "-u", `${account}:${PASSWORD}`],
          `${scheme}://127.0.0.1:${port}/INBOX;MAILINDEX=1`,
        ]);
        const { name } = server.options;
        assert.match(
          message,
          new RegExp(`^Subject: for ${account} on ${name}`, "m"),
        );
        await server.login(
          `a login from ${address}`,
          (l) => l.user === account && l.address === address,
        );
      }
    }
  },
);

needs(["dovecot", "mbsync"], "mbsync copies a mailbox", async () => {
  await using stage = await RealStage.create();
  for (
    const [account, server, listener] of [
      [ALICE, stage.old, "imaps"],
      [BOB, stage.new_, "imap"],
    ] as const
  ) {
    const home = await Deno.makeTempDir({ dir: stage.ground.folder });
    await Deno.writeTextFile(
      `${home}/mbsyncrc`,
      `IMAPAccount proxy
Host localhost
Port ${stage.proxy.listener(listener).port}
User ${account}
Pass ${PASSWORD}
SSLType ${listener === "imaps" ? "IMAPS" : "STARTTLS"}
SystemCertificates no
CertificateFile ${stage.caFile}

IMAPStore remote
Account proxy

MaildirStore local
Path ${home}/mail/
Inbox ${home}/mail/INBOX

Channel all
Far :remote:
Near :local:
Patterns INBOX
Create Near
SyncState *
`,
    );
    await Deno.mkdir(`${home}/mail`);
    await output("mbsync", ["-c", `${home}/mbsyncrc`, "-a"]);
    const files = ["new", "cur"].flatMap((part) =>
      [...Deno.readDirSync(`${home}/mail/INBOX/${part}`)]
        .map((entry) => `${home}/mail/INBOX/${part}/${entry.name}`)
    );
    assert.equal(files.length, 1);
    const text = await Deno.readTextFile(files[0]!);
    assert.match(
      text,
      new RegExp(`Subject: for ${account} on ${server.options.name}`),
    );
    const seen = await server.login(
      "mbsync's login",
      (l) => l.user === account,
    );
    const record = await stage.proxy.ended(seen.port);
    assert.match(String(record.reason), /^(client|backend)-closed$/);
  }
});

needs(
  ["dovecot", "curl"],
  "an account is moved while its client sits in IDLE",
  async () => {
    await using stage = await RealStage.create();
    const { proxy } = stage;
    using client = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
    assert.equal((await client.transact(login(ALICE))).status, "OK");
    assert.equal((await client.transact("SELECT INBOX")).status, "OK");
    await client.send("i IDLE\r\n");
    assert.match(await client.line(), /^\+ /);
    // A push arrives through the bridge while it idles.
    await stage.old.deliver(ALICE, "pushed");
    assert.equal(await client.line(), "* 2 EXISTS");

    assert.equal(await proxy.move(ALICE, "new"), "ok\n");
    assert.equal(await proxy.kick(ALICE), 1);
    await client.rest();
    assert.equal((await proxy.ended(client)).reason, "kicked");

    using again = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
    assert.equal((await again.transact(login(ALICE))).status, "OK");
    const selected = await again.transact("SELECT INBOX");
    assert.ok(selected.untagged.includes("* 1 EXISTS"));
    const fetched = await again.transact(
      "FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
    );
    assert.ok(
      fetched.untagged.some((l) => l === `Subject: for ${ALICE} on new`),
      JSON.stringify(fetched),
    );
    await stage.new_.login(
      "the login after the move",
      (l) => l.user === ALICE && l.port === again.localPort,
    );
  },
);

needs(
  ["dovecot"],
  "a refused login shows Dovecot's own words and the next login is routed afresh",
  async () => {
    await using stage = await RealStage.create();
    const { proxy } = stage;
    using client = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
    const refused = await client.transact(login(ALICE, "wrong"));
    assert.equal(refused.status, "NO");
    assert.match(refused.text, /^\[AUTHENTICATIONFAILED\] /);
    const accepted = await client.transact(login(BOB));
    assert.equal(accepted.status, "OK");
    assert.match(accepted.text, /^\[CAPABILITY IMAP4rev1 .*IDLE/);
    await client.transact("SELECT INBOX");
    const { untagged } = await client.transact(
      "FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
    );
    assert.ok(untagged.includes(`Subject: for ${BOB} on new`));
  },
);
