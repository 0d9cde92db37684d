/** STARTTLS where messages are routed by recipient: from the sender, and towards the servers. */
import assert from "node:assert/strict";
import { Sender, Stage } from "../support/recipient_stage.ts";

const OFFERED = { listener: { mail: { tls: "starttls" } } };

Deno.test("a sender may start TLS, once and not within a message, and begins anew", async () => {
  await using stage = await Stage.create("smtp", OFFERED);
  const { proxy, old } = stage;
  using client = await Sender.plain(proxy.listener("mail"), proxy.ca);
  await client.hello("smtp");
  assert.equal(client.keywords.at(-1), "STARTTLS");
  await client.envelope("old");
  assert.match(await client.say("STARTTLS"), /^503 /);
  await client.say("RSET");
  assert.match(await client.say("STARTTLS now"), /^501 /);
  assert.match(await client.say("STARTTLS"), /^220 2\.0\.0 /);
  await client.handshake();
  assert.match(await client.say("MAIL FROM:<a@sender.test>"), /^503 /);
  await client.hello("smtp");
  assert.ok(!client.keywords.includes("STARTTLS"));
  assert.match(await client.say("STARTTLS"), /^500 /);
  assert.deepEqual(await client.envelope("old"), ["250 2.1.5 OK"]);
  assert.deepEqual(await client.message("x", 1), ["250 2.0.0 kept message"]);
  assert.deepEqual(old.messages, ["x"]);
  await client.say("QUIT");
  assert.equal((await proxy.ended(client))["reason"], "logout");
});

Deno.test("a handshake has its time after a message too", async () => {
  await using stage = await Stage.create("smtp", {
    listener: { mail: { tls: "starttls", preauth_timeout: "4s" } },
  });
  using client = await stage.client();
  await client.envelope("old");
  await client.message("x", 1);
  assert.match(await client.say("STARTTLS"), /^220 /);
  assert.equal(await client.rest(), "");
  const record = await stage.proxy.ended(client);
  assert.equal(record["reason"], "preauth-timeout");
});

Deno.test("what a sender says in clear behind STARTTLS is no command", async () => {
  await using stage = await Stage.create("lmtp", OFFERED);
  using client = await stage.client();
  await client.envelope("old");
  await client.message("x", 1);
  await client.send(
    "STARTTLS\r\nMAIL FROM:<a@sender.test>\r\nRCPT TO:<new@example.com>\r\n",
  );
  assert.match(await client.line(), /^220 /);
  assert.equal(await client.rest(), "");
  const record = await stage.proxy.ended(client);
  assert.equal(record["reason"], "cleartext-after-starttls");
  assert.deepEqual(stage.new_.commands, []);
});

Deno.test("a server is spoken to over STARTTLS, and gets nothing in clear where it has none", async () => {
  await using stage = await Stage.create("lmtp", {
    destination: {
      new: {
        tls_server_name: "localhost",
        tls_allow_invalid_certs: true,
        protocol: { lmtp: { tls: "starttls" } },
      },
    },
  });
  const { new_ } = stage;
  using client = await stage.client();
  const [none] = await client.envelope("new");
  assert.match(none!, /^451 4\.3\.0 /);
  assert.deepEqual(new_.commands.flat(), ["LHLO client.test"]);
  await client.say("RSET");
  new_.keywords = ["STARTTLS", "8BITMIME"];
  assert.deepEqual(await client.envelope("new"), ["250 2.1.5 OK"]);
  assert.deepEqual(await client.message("x", 1), [
    "250 2.0.0 kept new@example.com",
  ]);
  assert.deepEqual(new_.commands[1]!.slice(0, 4), [
    "LHLO client.test",
    "STARTTLS",
    "LHLO client.test",
    "MAIL FROM:<a@sender.test>",
  ]);
});
