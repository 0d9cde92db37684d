/** How the backend learns who the client is: PROXY v2, ID, or not at all. */
import assert from "node:assert/strict";
import { ImapClient } from "../support/imap_client.ts";
import { TLV_SSL, TLV_UNIQUE_ID } from "../support/proxy_header.ts";
import { ALICE, login, Stage } from "../support/stage.ts";

const ID_FIELDS = [
  "x-originating-ip",
  "x-originating-port",
  "x-connected-ip",
  "x-connected-port",
  "x-proxy-ttl",
  "x-session-id",
  "x-client-transport",
];

Deno.test("a PROXY v2 header carries both addresses, the session's id and the client's TLS", async () => {
  for (const tls of ["implicit", "starttls", "plain"] as const) {
    await using stage = await Stage.create({
      old: { proxy: true, tls },
      oldDestination: { proxy_protocol: true },
    });
    using client = await stage.loggedIn(ALICE);
    const { proxy: header } = stage.old.last;
    const { port } = stage.proxy.listener("imaps");
    assert.equal(header?.command, "PROXY");
    assert.equal(header?.source, `127.0.0.1:${client.localPort}`);
    assert.equal(header?.destination, `127.0.0.1:${port}`);
    assert.equal(header?.tlvs.get(TLV_SSL)?.[0], 0x01, "client flag only");
    client.close();
    const { session } = await stage.proxy.ended(client);
    const unique = header?.tlvs.get(TLV_UNIQUE_ID) ?? new Uint8Array();
    assert.equal(new TextDecoder().decode(unique), session);
  }
});

Deno.test("an IPv4 client of an IPv6 socket is forwarded as IPv4, an IPv6 one as IPv6", async () => {
  await using stage = await Stage.create({
    config: { listener: { imaps: { bind: ["[::]:0"] } } },
    old: { proxy: true },
    oldDestination: { proxy_protocol: true },
  });
  using four = await stage.loggedIn(ALICE);
  assert.equal(
    stage.old.last.proxy?.source,
    `127.0.0.1:${four.localPort}`,
  );
  using six = await ImapClient.tls(
    { ...stage.proxy.listener("imaps"), hostname: "::1" },
    stage.proxy.ca,
  );
  assert.equal((await six.transact(login(ALICE))).status, "OK");
  assert.equal(
    stage.old.last.proxy?.source,
    `[0:0:0:0:0:0:0:1]:${six.localPort}`,
  );
});

Deno.test("ID tells the client's address in the known order, before the credentials", async () => {
  await using stage = await Stage.create({
    config: { server: { proxy_ttl: 5 } },
    old: { tls: "starttls", capabilityInGreeting: false },
    oldDestination: { forwarding: "xclient" },
  });
  using client = await stage.loggedIn(ALICE);
  const { id, commands } = stage.old.last;
  assert.deepEqual([...id.keys()], ID_FIELDS);
  assert.equal(id.get("x-originating-ip"), "127.0.0.1");
  assert.equal(id.get("x-originating-port"), String(client.localPort));
  assert.equal(id.get("x-connected-ip"), "127.0.0.1");
  assert.equal(
    id.get("x-connected-port"),
    String(stage.proxy.listener("imaps").port),
  );
  assert.equal(id.get("x-proxy-ttl"), "4");
  assert.equal(id.get("x-client-transport"), "TLS");
  const verbs = commands.map((command) => command.split(" ")[0]);
  assert.ok(verbs.indexOf("ID") > verbs.indexOf("STARTTLS"));
  assert.ok(verbs.indexOf("ID") < verbs.indexOf("AUTHENTICATE"));
  client.close();
  const { session } = await stage.proxy.ended(client);
  assert.equal(id.get("x-session-id"), session);
});

Deno.test("ID is not sent to a backend that does not offer it, nor without forwarding", async () => {
  await using silent = await Stage.create({
    old: { capability: ["IMAP4rev1", "AUTH=PLAIN"] },
    oldDestination: { forwarding: "xclient" },
  });
  using one = await silent.loggedIn(ALICE);
  assert.equal(silent.old.last.id.size, 0);
  assert.equal((await one.transact("NOOP")).text, "NOOP old");

  await using none = await Stage.create();
  using other = await none.loggedIn(ALICE);
  assert.equal(none.old.last.id.size, 0);
  assert.equal((await other.transact("NOOP")).text, "NOOP old");
});

Deno.test("a chain that is used up refuses the login", async () => {
  await using stage = await Stage.create({
    config: { server: { proxy_ttl: 1 } },
    oldDestination: { forwarding: "xclient" },
  });
  using client = await stage.client();
  const { status, text } = await client.transact(login(ALICE));
  assert.equal(status, "NO");
  assert.match(text, /^\[UNAVAILABLE\]/);
  assert.equal(stage.old.connections.length, 0);
});
