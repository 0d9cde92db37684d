import assert from "node:assert/strict";
import { ImapClient, plain } from "../../tests/support/imap_client.ts";
import { tuneListeners } from "../net/nodelay.ts";
import { createSelfSigned } from "../pki/self_signed.ts";
import { ImapBackend } from "./imap_backend.ts";
import { Mailbox } from "./mailbox.ts";

// The library behind it is loaded once for the process: before a test, or it counts as that test's leak.
tuneListeners();

async function withClient(
  run: (client: ImapClient) => Promise<void>,
): Promise<void> {
  const certificate = await createSelfSigned(["127.0.0.1"]);
  const mailbox = new Mailbox(["Subject: hello"], "text\n");
  const backend = new ImapBackend(
    "old",
    { user: "alice", password: 'a "b', mailbox },
    { hostname: "127.0.0.1", port: 0 },
    { ...certificate, names: [], isDefault: true },
  );
  try {
    using client = await ImapClient.tls(backend.address, certificate.certPem);
    await run(client);
  } finally {
    backend.close();
  }
}

Deno.test("ImapBackend lets in by LOGIN and AUTHENTICATE, and nobody else", async () => {
  await withClient(async (client) => {
    assert.match(client.greeting, /^\* OK \[CAPABILITY IMAP4rev1 .*old/);
    assert.equal((await client.transact("SELECT INBOX")).status, "BAD");
    const wrong = await client.transact("LOGIN alice wrong");
    assert.match(`${wrong.status} ${wrong.text}`, /^NO \[AUTHENTICATIONFAILED/);
    const { status } = await client.transact('LOGIN alice "a \\"b"');
    assert.equal(status, "OK");
  });
  await withClient(async (client) => {
    const tag = client.nextTag();
    await client.send(`${tag} AUTHENTICATE PLAIN\r\n`);
    assert.equal(await client.line(), "+ ");
    await client.send(`${plain("alice", 'a "b')}\r\n`);
    assert.equal((await client.reply(tag)).status, "OK");
  });
});

Deno.test("ImapBackend serves what a mail client asks for", async () => {
  await withClient(async (client) => {
    const answers = async (command: string, ...untagged: string[]) => {
      const reply = await client.transact(command);
      assert.deepEqual([command, reply.status, reply.untagged], [
        command,
        "OK",
        untagged,
      ]);
    };
    await answers(`AUTHENTICATE PLAIN ${plain("alice", 'a "b')}`);
    await answers('LIST "" "*"', '* LIST (\\HasNoChildren) "/" INBOX');
    await answers(
      "STATUS INBOX (MESSAGES UNSEEN)",
      "* STATUS INBOX (MESSAGES 1 UNSEEN 0)",
    );
    assert.equal((await client.transact("FETCH 1 FLAGS")).status, "BAD");
    const selected = await client.transact("EXAMINE INBOX");
    assert.equal(selected.untagged[0], "* 1 EXISTS");
    await answers("UID SEARCH ALL", "* SEARCH 1");
    await answers("FETCH 1 (FLAGS)", "* 1 FETCH (FLAGS (\\Seen))");
    await answers("UID FETCH 1:* FLAGS", "* 1 FETCH (UID 1 FLAGS (\\Seen))");
    await answers("FETCH 2 FLAGS");
    await answers("NOOP");
    const tag = client.nextTag();
    await client.send(`${tag} IDLE\r\n`);
    assert.equal(await client.line(), "+ idling");
    await client.send("DONE\r\n");
    assert.equal((await client.reply(tag)).status, "OK");
    assert.equal((await client.transact("SELECT Other")).status, "BAD");
    assert.equal((await client.transact("APPEND INBOX")).status, "BAD");
    await answers("LOGOUT", "* BYE see you");
    assert.equal(await client.lineOrEnd(), null);
  });
});
