import assert from "node:assert/strict";
import { FakeImapBackend } from "./fake_imap_backend.ts";
import { ImapClient, plain } from "./imap_client.ts";
import { Ground } from "./proxy_config.ts";

Deno.test("FakeImapBackend serves implicit TLS and remembers credentials", async () => {
  await using ground = await Ground.create();
  const { certificate } = ground;
  await using old = new FakeImapBackend({
    name: "old",
    tls: "implicit",
    certificate,
  });
  using client = await ImapClient.tls(old, ground.authority.pem);
  assert.match(client.greeting, /^\* OK \[CAPABILITY IMAP4rev1 SASL-IR/);
  const login = await client.transact(
    `AUTHENTICATE PLAIN ${plain("alice@example.com", "pw")}`,
  );
  assert.match(login.text, /logged in to old$/);
  assert.equal(old.last.secure, true);
  assert.deepEqual(old.last.credentials, [{
    mechanism: "PLAIN",
    authcid: "alice@example.com",
    authzid: "",
    secret: "pw",
  }]);
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
});

Deno.test("FakeImapBackend upgrades with STARTTLS and reads ID and LOGIN with literals", async () => {
  await using ground = await Ground.create();
  await using old = new FakeImapBackend({
    name: "old",
    tls: "starttls",
    certificate: ground.certificate,
  });
  using client = await ImapClient.plain(old, ground.authority.pem);
  assert.match(client.greeting, / STARTTLS\]/);
  await client.startTls();
  await client.transact('ID ("x-session-id" "abc" "other" NIL)');
  await client.send("l1 LOGIN {3+}\r\nbob {2}\r\n");
  assert.match(await client.line(), /^\+ /);
  await client.send("pw\r\n");
  assert.equal((await client.reply("l1")).status, "OK");
  assert.equal(old.last.id.get("x-session-id"), "abc");
  assert.equal(old.last.credentials[0]?.authcid, "bob");
});

Deno.test("FakeImapBackend hangs where it is told and lets go when the client leaves", async () => {
  await using old = new FakeImapBackend({ name: "old" });
  old.faults = { auth: { kind: "hang" } };
  const client = await ImapClient.plain(old);
  await client.send("a LOGIN bob pw\r\n");
  client.close();
});
