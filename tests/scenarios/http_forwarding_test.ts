/** What a backend is told of the client, and what is taken from whoever is in front. */
import assert from "node:assert/strict";
import type { SeenRequest } from "../support/fake_http_backend.ts";
import { request } from "../support/http_client.ts";
import { ALICE, HttpStage } from "../support/http_stage.ts";
import {
  type Pair,
  proxyV1,
  proxyV2,
  TLV_SSL,
  TLV_UNIQUE_ID,
} from "../support/proxy_header.ts";
import { within } from "../support/wait.ts";

const PAIR: Pair = [["203.0.113.7", 40001], ["198.51.100.9", 443]];
const PAIR_6: Pair = [["2001:db8::7", 40001], ["2001:db8::9", 443]];
const BEHIND_PROXY = {
  proxy_protocol: "required",
  proxy_trusted: ["127.0.0.0/8"],
};

/** What a client claims; the names in any case, and as often as it likes. */
const CLAIMED = [
  "Forwarded: for=192.0.2.1;proto=https",
  "X-Forwarded-For: 192.0.2.1",
  "x-forwarded-for: 192.0.2.2, 192.0.2.3",
  'FORWARDED: for="[2001:db8::1]"',
  "X-Forwarded-Proto: gopher",
  "X-Real-IP: 192.0.2.4",
  // Some servers take this for the one with dashes.
  "X_Forwarded_For: 192.0.2.5",
].map((line) => `${line}\r\n`).join("");

const claiming = (more = "") =>
  `GET / HTTP/1.1\r\nHost: a\r\n${CLAIMED}${more}X-End: 1\r\n\r\n`;

const told = ({ fields }: SeenRequest) => [
  fields.all("forwarded").join(", "),
  fields.all("x-forwarded-for").join(", "),
];

Deno.test("what a client says of whom it speaks for is taken away, and nothing is said instead", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  await client.send(claiming());
  assert.equal((await client.response()).status, 200);
  assert.deepEqual(told(stage.old.last), ["", ""]);
  assert.deepEqual(stage.old.last.fields.names, ["host", "x-end"]);
});

Deno.test("a destination may be told the client's address, last and in small letters", async () => {
  await using stage = await HttpStage.create({
    destination: { forwarded: true },
  });
  for (
    const text of [
      request("GET", "/"),
      claiming(),
      claiming("Connection: x-forwarded-for, forwarded\r\n"),
    ]
  ) {
    using client = await stage.client();
    await client.send(text);
    assert.equal((await client.response()).status, 200);
    assert.deepEqual(stage.old.last.fields.lines.slice(-2), [
      ["forwarded", "for=127.0.0.1"],
      ["x-forwarded-for", "127.0.0.1"],
    ]);
    assert.deepEqual(told(stage.old.last), ["for=127.0.0.1", "127.0.0.1"]);
  }
});

Deno.test("a listener that trusts keeps what it is told", async () => {
  for (const forwarded of [false, true]) {
    await using stage = await HttpStage.create({
      config: { listener: { http: { forwarded: "trust" } } },
      destination: { forwarded },
    });
    using client = await stage.client();
    await client.send(claiming());
    assert.equal((await client.response()).status, 200);
    const [one, other] = told(stage.old.last);
    assert.equal(stage.old.last.fields.one("x-forwarded-proto"), "gopher");
    assert.equal(stage.old.last.fields.one("x-real-ip"), "192.0.2.4");
    assert.equal(stage.old.last.fields.one("x_forwarded_for"), undefined);
    const mine = forwarded ? [", for=127.0.0.1", ", 127.0.0.1"] : ["", ""];
    assert.equal(
      one,
      `for=192.0.2.1;proto=https, for="[2001:db8::1]"${mine[0]}`,
    );
    assert.equal(other, `192.0.2.1, 192.0.2.2, 192.0.2.3${mine[1]}`);
    if (!forwarded) continue;
    // One line each, the last ones.
    const names = stage.old.last.fields.names.slice(-2);
    assert.deepEqual(names, ["forwarded", "x-forwarded-for"]);
    assert.equal(stage.old.last.fields.all("forwarded").length, 1);

    using bare = await stage.client();
    await bare.ask("GET", "/");
    assert.deepEqual(told(stage.old.last), ["for=127.0.0.1", "127.0.0.1"]);
  }
});

Deno.test("the client of a PROXY header is the one that is named, an IPv6 address as it has to be written", async () => {
  await using stage = await HttpStage.create({
    config: { listener: { http: BEHIND_PROXY, https: BEHIND_PROXY } },
    destination: { forwarded: true },
  });
  for (
    const [header, forwarded, xff] of [
      [proxyV1(PAIR), "for=203.0.113.7", "203.0.113.7"],
      [proxyV2(PAIR), "for=203.0.113.7", "203.0.113.7"],
      [proxyV1(PAIR_6), 'for="[2001:db8::7]"', "2001:db8::7"],
    ] as const
  ) {
    for (const listener of ["http", "https"]) {
      using client = await stage.client(listener);
      await client.send(header);
      if (listener === "https") await client.handshake(stage.proxy.ca);
      for (let i = 0; i < 2; i++) {
        assert.equal((await client.ask("GET", "/")).status, 200);
        assert.deepEqual(told(stage.old.last), [forwarded, xff]);
      }
      const [session] = await stage.proxy.sessions();
      assert.match(String(session!["client"]), /^(203\.0|\[2001).*:40001$/);
      client.close();
      await stage.proxy.empty();
    }
  }
});

Deno.test("a listener that requires a PROXY header answers nobody without one", async () => {
  await using stage = await HttpStage.create({
    config: { listener: { http: BEHIND_PROXY } },
  });
  using client = await stage.client();
  await client.send(request("GET", "/"));
  assert.equal(await client.rest(), "");
  assert.equal(stage.old.connections.length, 0);
});

for (const tls of [false, true]) {
  Deno.test(`a backend gets one PROXY header for each connection (tls: ${tls})`, async () => {
    await using stage = await HttpStage.create({
      tls,
      backend: { proxy: true },
      destination: { proxy_protocol: true },
    });
    using client = await stage.secureClient();
    for (let i = 0; i < 3; i++) {
      const { body } = await client.ask("GET", "/", { as: ALICE });
      assert.equal(body, "old GET /");
    }
    const [seen, ...others] = stage.old.connections;
    assert.equal(others.length, 0);
    const { proxy } = seen!;
    assert.equal(proxy?.command, "PROXY");
    assert.equal(proxy?.source, `127.0.0.1:${client.localPort}`);
    const { port } = stage.proxy.listener("https");
    assert.equal(proxy?.destination, `127.0.0.1:${port}`);
    const [session] = await stage.proxy.sessions();
    const id = new TextDecoder().decode(proxy?.tlvs.get(TLV_UNIQUE_ID));
    assert.equal(id, session!["id"]);
    assert.equal(proxy?.tlvs.has(TLV_SSL), true);

    using plain = await stage.client();
    await plain.ask("GET", "/", { as: ALICE });
    const second = stage.old.connections[1]!.proxy;
    assert.equal(second?.source, `127.0.0.1:${plain.localPort}`);
    assert.equal(second?.tlvs.has(TLV_SSL), false);
  });
}

Deno.test("a destination that is told its clients by XCLIENT serves HTTP as well", async () => {
  await using stage = await HttpStage.create({
    destination: { forwarding: "xclient" },
  });
  assert.equal((await stage.ask("GET", "/", { as: ALICE })).status, 200);
  assert.match(stage.old.octets, /^GET \/ HTTP/);
});

Deno.test("the answers to an ACME challenge are had over a listener without TLS", async () => {
  await using stage = await HttpStage.create({
    routes: [
      { match: "/.well-known/acme-challenge/**", destination: "new" },
      { match: "/jmap/**", extract: { from: "authorization" } },
    ],
  });
  const target = "/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDf";
  const answer = await stage.ask("GET", target, { host: "mail.example.com" });
  assert.equal(answer.body, `new GET ${target}`);
  assert.equal(stage.new_.last.fields.one("host"), "mail.example.com");
  assert.equal((await stage.ask("GET", "/.well-known/other")).status, 404);
  assert.equal((await stage.ask("GET", "/jmap/")).status, 404);
  using secure = await within("a connection", stage.secureClient());
  assert.equal((await secure.ask("GET", target)).body, `new GET ${target}`);
});
