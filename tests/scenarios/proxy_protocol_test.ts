/** PROXY headers of connections that another proxy hands on. */
import assert from "node:assert/strict";
import { ImapClient } from "../support/imap_client.ts";
import { freePorts } from "../support/ports.ts";
import type { Table } from "../support/proxy_config.ts";
import {
  type Pair,
  proxyV1,
  proxyV2,
  proxyV2Raw,
  TLV_UNIQUE_ID,
} from "../support/proxy_header.ts";
import { ALICE, login, Stage } from "../support/stage.ts";
import { within } from "../support/wait.ts";

const TRUSTED = ["127.0.0.0/8", "::1"];
const STRANGERS = ["192.0.2.0/24", "2001:db8::/32"];
const PAIR: Pair = [["203.0.113.7", 40001], ["198.51.100.9", 993]];
const PAIR_6: Pair = [["2001:db8::7", 40001], ["2001:db8::9", 993]];

/** IMAP listeners of each kind, the kind being the name: `required-implicit`. */
function listeners(trusted: readonly string[], more: Table = {}): Table {
  const all: Table = { imaps: undefined, imap: undefined };
  for (const mode of ["required", "optional"]) {
    for (const tls of ["implicit", "starttls", "plain"]) {
      all[`${mode}-${tls}`] = {
        protocol: "imap",
        bind: ["127.0.0.1:0"],
        tls,
        proxy_protocol: mode,
        proxy_trusted: [...trusted],
        ...more,
      };
    }
  }
  return {
    listener: all,
    capabilities: { imap: { allow_plain_auth_without_tls: true } },
  };
}

function stageOf(trusted = TRUSTED, more: Table = {}): Promise<Stage> {
  return Stage.create({
    config: listeners(trusted, more),
    old: { proxy: true },
    oldDestination: { proxy_protocol: true },
  });
}

/** A client that sends these bytes first and is greeted then, TLS being what the listener wants. */
async function arrive(
  stage: Stage,
  listener: string,
  first: string | Uint8Array,
): Promise<ImapClient> {
  const client = await ImapClient.raw(
    stage.proxy.listener(listener),
    stage.proxy.ca,
  );
  await client.send(first);
  if (listener.endsWith("implicit")) await client.handshake();
  client.greeting = await client.line();
  if (listener.endsWith("starttls")) await client.startTls();
  return client;
}

Deno.test("the client of a PROXY header is the session's client everywhere, on each kind of listener", async () => {
  await using stage = await stageOf();
  const forms: [string, string | Uint8Array, string][] = [
    ["implicit", proxyV1(PAIR), ""],
    ["starttls", proxyV1(PAIR), ""],
    ["plain", proxyV1(PAIR), ""],
    ["implicit", proxyV2(PAIR, [[TLV_UNIQUE_ID, "edge-1"]]), "edge-1"],
    ["starttls", proxyV2(PAIR, [[TLV_UNIQUE_ID, "edge-2"]]), "edge-2"],
    ["plain", proxyV2(PAIR, [[0xe0, "x"]]), ""],
  ];
  for (const mode of ["required", "optional"]) {
    for (const [tls, header, id] of forms) {
      const client = await arrive(stage, `${mode}-${tls}`, header);
      assert.equal((await client.transact(login(ALICE))).status, "OK");
      const { proxy } = stage.old.last;
      assert.equal(proxy?.command, "PROXY");
      assert.equal(proxy?.source, "203.0.113.7:40001");
      assert.equal(proxy?.destination, "198.51.100.9:993");
      const [seen, ...others] = await stage.proxy.sessions();
      assert.equal(others.length, 0);
      assert.equal(seen!["client"], "203.0.113.7:40001");
      client.close();
      const record = await stage.proxy.entry(
        "close record",
        (e) => e.event === "session_end" && e.session === seen!["id"],
      );
      assert.equal(record["client"], "203.0.113.7:40001");
      assert.equal(record["upstream_id"] ?? "", id);
      const unique = proxy?.tlvs.get(TLV_UNIQUE_ID) ?? new Uint8Array();
      assert.equal(new TextDecoder().decode(unique), seen!["id"]);
      await stage.proxy.empty();
    }
  }
});

Deno.test("a header may name the other family than that of its own connection", async () => {
  await using stage = await stageOf();
  using client = await arrive(stage, "required-implicit", proxyV1(PAIR_6));
  assert.equal((await client.transact(login(ALICE))).status, "OK");
  const { proxy } = stage.old.last;
  assert.equal(proxy?.source, "[2001:db8:0:0:0:0:0:7]:40001");
  assert.equal(proxy?.destination, "[2001:db8:0:0:0:0:0:9]:993");
  const [seen] = await stage.proxy.sessions();
  assert.equal(seen!["client"], "[2001:db8::7]:40001");
});

Deno.test("what names nobody keeps the proxy's own address and goes on as LOCAL", async () => {
  await using stage = await stageOf();
  const unix = Array<number>(216).fill(0);
  for (
    const header of [
      "PROXY UNKNOWN\r\n",
      "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
      proxyV2Raw(0x20, 0x00, []),
      proxyV2Raw(0x20, 0x11, Array<number>(12).fill(9)),
      proxyV2Raw(0x21, 0x00, []),
      proxyV2Raw(0x21, 0x31, unix),
    ]
  ) {
    using client = await arrive(stage, "required-implicit", header);
    assert.equal((await client.transact(login(ALICE))).status, "OK");
    assert.equal(stage.old.last.proxy?.command, "LOCAL");
    client.close();
    await stage.proxy.ended(client);
  }
});

Deno.test("optional serves a trusted peer without a header as itself", async () => {
  await using stage = await stageOf();
  for (const tls of ["implicit", "starttls", "plain"]) {
    using client = await arrive(stage, `optional-${tls}`, "");
    assert.equal((await client.transact(login(ALICE))).status, "OK");
    assert.equal(
      stage.old.last.proxy?.source,
      `127.0.0.1:${client.localPort}`,
    );
  }
});

Deno.test("an untrusted peer is itself where the header is optional, and its header garbage", async () => {
  await using stage = await stageOf(STRANGERS);
  for (const tls of ["implicit", "starttls", "plain"]) {
    using client = await arrive(stage, `optional-${tls}`, "");
    assert.equal((await client.transact(login(ALICE))).status, "OK");
    assert.equal(
      stage.old.last.proxy?.source,
      `127.0.0.1:${client.localPort}`,
    );
  }
  using liar = await arrive(stage, "optional-plain", proxyV1(PAIR));
  assert.match(await liar.line(), /^PROXY BAD /);
  assert.equal((await liar.transact(login(ALICE))).status, "OK");
  assert.equal(stage.old.last.proxy?.source, `127.0.0.1:${liar.localPort}`);
  using encrypted = await ImapClient.raw(
    stage.proxy.listener("optional-implicit"),
  );
  await encrypted.send(proxyV2(PAIR));
  await within("the end", encrypted.drain());
  assert.equal((await stage.proxy.ended(encrypted)).reason, "tls-failed");
});

Deno.test("an untrusted peer is dropped where the header is required", async () => {
  await using stage = await stageOf(STRANGERS);
  for (const tls of ["implicit", "starttls", "plain"]) {
    for (const first of ["", proxyV1(PAIR), proxyV2(PAIR)]) {
      using client = await ImapClient.raw(
        stage.proxy.listener(`required-${tls}`),
      );
      await client.send(first).catch(() => {});
      assert.equal(await within("the end", client.drain()), 0);
      const record = await stage.proxy.ended(client);
      assert.equal(record.reason, "proxy-header");
      assert.match(String(record["detail"]), /not in proxy_trusted/);
    }
  }
  assert.equal(stage.old.connections.length, 0);
});

const INVALID: [string, string | Uint8Array, RegExp][] = [
  ["truncated version 1", "PROXY TCP4 203.0.113.7", /truncated/],
  ["truncated version 2", proxyV2(PAIR).slice(0, 20), /truncated/],
  ["truncated signature", proxyV2(PAIR).slice(0, 7), /truncated/],
  ["over-long version 1", `PROXY ${"x".repeat(500)}`, /longer than 107/],
  ["over-long version 2", proxyV2Raw(0x21, 0x11, [], 2049), /more than 2048/],
  ["unknown version", proxyV2Raw(0x31, 0x11, [], 12), /version 3/],
  ["unknown command", proxyV2Raw(0x22, 0x11, [], 0), /command 2/],
  ["unknown family", proxyV2Raw(0x21, 0x51, [], 0), /family 0x51/],
  ["addresses cut off", proxyV2Raw(0x21, 0x21, [1, 2, 3]), /too short/],
  [
    "field cut off",
    proxyV2Raw(0x21, 0x00, [TLV_UNIQUE_ID, 0, 9, 65]),
    /runs over/,
  ],
  [
    "family that differs from the addresses",
    "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    /no TCP4 address/,
  ],
  ["line without CR", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", /CRLF/],
];

Deno.test("a header that is none ends the connection, with one record and nothing said", async (t) => {
  await using stage = await stageOf();
  for (const [what, bytes, why] of INVALID) {
    for (const mode of ["required", "optional"]) {
      for (const tls of ["implicit", "starttls", "plain"]) {
        await t.step(`${what}, ${mode}, ${tls}`, async () => {
          const listener = `${mode}-${tls}`;
          using client = await ImapClient.raw(stage.proxy.listener(listener));
          await client.send(bytes);
          await client.closeWrite().catch(() => {});
          assert.equal(await within("the end", client.drain()), 0);
          // With so many connections another listener may have seen the same client port.
          const record = await stage.proxy.entry(
            "the close record",
            (e) =>
              e.event === "session_end" && e["listener"] === listener &&
              e["client"] === `127.0.0.1:${client.localPort}`,
          );
          assert.equal(record.reason, "proxy-header");
          assert.match(String(record["detail"]), why);
          assert.equal(record["client"], `127.0.0.1:${client.localPort}`);
        });
      }
    }
  }
  const stated = stage.proxy.log.filter((e) => e.event === "session_end");
  assert.equal(stated.length, INVALID.length * 6);
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("where a header is required anything else first ends the connection, a silent leave does not count", async () => {
  await using stage = await stageOf();
  using client = await ImapClient.raw(
    stage.proxy.listener("required-starttls"),
  );
  await client.send("a1 LOGIN x y\r\n");
  assert.equal(await within("the end", client.drain()), 0);
  const record = await stage.proxy.ended(client);
  assert.equal(record.reason, "proxy-header");
  assert.match(String(record["detail"]), /no header came first/);
  using check = await ImapClient.raw(
    stage.proxy.listener("required-implicit"),
  );
  check.close();
  assert.equal((await stage.proxy.ended(check)).reason, "client-closed");
});

Deno.test("a reload begins and ceases to expect a header, open sessions go on", async () => {
  const [port] = freePorts(1);
  await using stage = await Stage.create({
    config: { listener: { imaps: { bind: [`127.0.0.1:${port}`] } } },
    old: { proxy: true },
    oldDestination: { proxy_protocol: true },
  });
  const reload = async (imaps: Table) => {
    await stage.proxy.reconfigure({ listener: { imaps } });
    await stage.proxy.ask("POST", "/config/reload");
  };
  using before = await stage.loggedIn(ALICE);
  await reload({ proxy_protocol: "required", proxy_trusted: TRUSTED });
  using client = await ImapClient.raw({ port: port! }, stage.proxy.ca);
  await client.send(proxyV1(PAIR));
  await client.handshake();
  client.greeting = await client.line();
  assert.equal((await client.transact(login(ALICE))).status, "OK");
  assert.equal(stage.old.last.proxy?.source, "203.0.113.7:40001");
  await reload({ proxy_protocol: "off" });
  using after = await stage.loggedIn(ALICE);
  assert.equal(stage.old.last.proxy?.source, `127.0.0.1:${after.localPort}`);
  for (const each of [before, client, after]) {
    assert.equal((await each.transact("NOOP")).text, "NOOP old");
  }
});

Deno.test("preauth_timeout bounds the header too", async () => {
  await using stage = await stageOf(TRUSTED, { preauth_timeout: "500ms" });
  for (const listener of ["required-implicit", "optional-plain"]) {
    using client = await ImapClient.raw(stage.proxy.listener(listener));
    await client.send("PROXY TCP4 203.0.113.7 ");
    assert.equal(await within("the end", client.drain()), 0);
    assert.equal((await stage.proxy.ended(client)).reason, "preauth-timeout");
  }
});

Deno.test("a header in single bytes, and one in a segment with what follows it, are read alike", async () => {
  await using stage = await stageOf();
  using slow = await ImapClient.raw(
    stage.proxy.listener("required-implicit"),
    stage.proxy.ca,
  );
  for (const byte of proxyV2(PAIR)) await slow.send(Uint8Array.of(byte));
  await slow.handshake();
  slow.greeting = await slow.line();
  assert.equal((await slow.transact(login(ALICE))).status, "OK");
  using quick = await ImapClient.raw(stage.proxy.listener("required-plain"));
  await quick.send(`${proxyV1(PAIR)}q1 ${login(ALICE)}\r\nq2 NOOP\r\n`);
  assert.equal((await quick.reply("q1")).status, "OK");
  assert.equal((await quick.reply("q2")).text, "NOOP old");
  assert.equal(stage.old.last.proxy?.source, "203.0.113.7:40001");
  // A ClientHello right behind the header, in one write.
  using relay = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const relayed = prefix(
    relay,
    stage.proxy.listener("required-implicit").port,
    proxyV2(PAIR),
  );
  using client = await ImapClient.tls(relay.addr, stage.proxy.ca);
  assert.equal((await client.transact(login(ALICE))).status, "OK");
  assert.equal(stage.old.last.proxy?.source, "203.0.113.7:40001");
  client.close();
  await relayed;
});

/** Hand one connection on to `port`, `header` in one write with its first bytes. */
async function prefix(
  listener: Deno.TcpListener,
  port: number,
  header: Uint8Array,
): Promise<void> {
  using near = await listener.accept();
  using far = await Deno.connect({ hostname: "127.0.0.1", port });
  const first = new Uint8Array(4096);
  const count = await near.read(first) ?? 0;
  await far.write(new Uint8Array([...header, ...first.subarray(0, count)]));
  const quietly = () => {};
  await Promise.all([
    near.readable.pipeTo(far.writable).catch(quietly),
    far.readable.pipeTo(near.writable).catch(quietly),
  ]);
}
