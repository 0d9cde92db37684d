/** Connections that become something else: WebSocket (RFC 6455, 8887), and what is not upgraded. */
import assert from "node:assert/strict";
import type { HttpTalk } from "../support/fake_http_backend.ts";
import { request } from "../support/http_client.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import { pause, until } from "../support/wait.ts";

const ASKED = {
  Connection: "keep-alive, Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Protocol": "jmap",
};

const ACCEPTED = [
  "HTTP/1.1 101 Switching Protocols",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  "Sec-WebSocket-Protocol: jmap",
  "",
  "",
].join("\r\n");

const asked = (as = ALICE) => request("GET", "/ws", { as, fields: ASKED });

/** Accept, say something at once, and echo four octets at a time. */
async function accept(talk: HttpTalk): Promise<void> {
  await talk.send(`${ACCEPTED}hi`);
  for (let data; (data = await talk.text(4)) !== null;) {
    await talk.send(data);
  }
  talk.close();
}

Deno.test("a WebSocket passes octets both ways, those sent early included, and its end", async () => {
  await using stage = await HttpStage.create({ tls: true });
  stage.new_.answer = accept;
  using client = await stage.secureClient();
  // Behind the request without waiting for 101.
  await client.send(`${asked(BOB)}earl`);
  const head = await client.head();
  assert.equal(head.status, 101);
  assert.equal(head.fields.one("upgrade"), "websocket");
  assert.equal(head.fields.one("connection")?.toLowerCase(), "upgrade");
  assert.equal(head.fields.one("sec-websocket-protocol"), "jmap");
  assert.equal(await client.text(2), "hi");
  assert.equal(await client.text(4), "earl");
  for (const data of ["\r\n\r\n", "GET ", "\u0000\u0001ab"]) {
    await client.send(data);
    assert.equal(await client.text(4), data);
  }
  const { fields } = stage.new_.last;
  assert.equal(fields.one("upgrade"), "websocket");
  assert.equal(fields.one("connection")?.toLowerCase(), "upgrade");
  assert.equal(fields.one("sec-websocket-key"), ASKED["Sec-WebSocket-Key"]);
  const [session] = await stage.proxy.sessions();
  assert.equal(session!["destination"], "new");
  await client.closeWrite();
  assert.equal(await client.rest(), "");
  const record = await stage.proxy.ended(client.localPort);
  assert.equal(record["event"], "session_end");
});

Deno.test("a WebSocket may be silent for longer than a request, up to bridge_idle", async () => {
  await using stage = await HttpStage.create({
    config: {
      http: { relay_idle: "1s", keepalive_timeout: "1s" },
      server: { bridge_idle: "5s" },
    },
  });
  stage.old.answer = accept;
  using client = await stage.client();
  await client.send(asked());
  assert.equal((await client.head()).status, 101);
  assert.equal(await client.text(2), "hi");
  await pause(2500);
  await client.send("abcd");
  assert.equal(await client.text(4), "abcd");
  assert.equal(await client.rest(), "");
  await until("an end at the backend", () => stage.old.open === 0);
});

Deno.test("an upgrade that the backend refuses leaves an ordinary connection", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    const fields = { Upgrade: "websocket", "Sec-WebSocket-Version": "13" };
    const { target } = talk.request;
    await talk.reply(target === "/ws" ? 426 : 200, { fields, body: target });
  };
  using client = await stage.client();
  await client.send(asked() + request("GET", "/next"));
  const refused = await client.response();
  assert.deepEqual([refused.status, refused.body], [426, "/ws"]);
  assert.equal((await client.response()).body, "/next");
  assert.equal((await client.ask("GET", "/more")).body, "/more");
  assert.equal(stage.old.connections.length, 1);
});

Deno.test("no other upgrade is passed on: the request is served without it", async () => {
  await using stage = await HttpStage.create();
  const h2c = {
    Connection: "Upgrade, HTTP2-Settings",
    Upgrade: "h2c",
    "HTTP2-Settings": "AAMAAABkAAQAAP__",
  };
  const unnamed = { ...ASKED, Connection: "keep-alive" };
  for (
    const [method, fields, body] of [
      ["GET", h2c, undefined],
      ["GET", { Connection: "Upgrade", Upgrade: "TLS/1.0" }, undefined],
      ["GET", unnamed, undefined],
      ["POST", ASKED, "a body"],
    ] as const
  ) {
    using client = await stage.client();
    const given = body === undefined ? {} : { body };
    const answer = await client.ask(method, "/", { fields, ...given });
    assert.equal(answer.body, `old ${method} /`);
    for (const name of ["upgrade", "http2-settings", "connection"]) {
      assert.equal(stage.old.last.fields.one(name), undefined, name);
    }
    assert.equal((await client.ask("GET", "/")).status, 200);
  }
});

Deno.test("a backend that switches without being asked is not followed", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    await talk.send(ACCEPTED);
    await talk.hang();
  };
  using client = await stage.client();
  await client.send(request("GET", "/") + request("GET", "/behind"));
  const answer = await client.response();
  assert.equal(answer.status, 502);
  assert.equal(await client.rest(), "");
  assert.doesNotMatch(stage.old.octets, /behind/);
});
