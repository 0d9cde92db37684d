import assert from "node:assert/strict";
import { FakeHttpBackend } from "./fake_http_backend.ts";
import { HttpClient, request } from "./http_client.ts";
import { chunkOf } from "./http_message.ts";
import { Ground } from "./proxy_config.ts";
import { proxyV2 } from "./proxy_header.ts";

Deno.test("FakeHttpBackend answers pipelined requests of a connection and keeps their octets", async () => {
  await using old = new FakeHttpBackend({ name: "old" });
  using client = await HttpClient.plain(old);
  const both = request("POST", "/a", { body: "ä" }) + request("GET", "/b");
  await client.sendSlowly(both);
  assert.equal((await client.response()).body, "old POST /a");
  assert.equal((await client.response()).body, "old GET /b");
  const [seen] = old.connections;
  assert.equal(seen!.octets, both.replace("ä", "\xc3\xa4"));
  assert.equal(seen!.requests[0]!.body, "ä");
});

Deno.test("FakeHttpBackend reads chunks as they come and answers in chunks with trailers", async () => {
  await using old = new FakeHttpBackend({ name: "old" });
  old.answer = async (talk) => {
    await talk.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    await talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let data; (data = await talk.chunk()) !== null;) {
      await talk.send(chunkOf(data, ";x=y"));
    }
    assert.deepEqual((await talk.trailers()).lines, [["T", "1"]]);
    await talk.send("0\r\nU: 2\r\n\r\n");
  };
  using client = await HttpClient.plain(old);
  const fields = { "Transfer-Encoding": "chunked" };
  await client.send(request("POST", "/", { fields }));
  assert.equal((await client.head()).status, 103);
  assert.equal((await client.head()).status, 200);
  for (const data of ["one", "two"]) {
    await client.send(chunkOf(data));
    assert.equal(await client.chunk(), data);
  }
  await client.send("0\r\nT: 1\r\n\r\n");
  assert.equal(await client.chunk(), null);
  assert.equal((await client.trailers()).one("u"), "2");
});

Deno.test("FakeHttpBackend takes a PROXY header and TLS behind it", async () => {
  await using ground = await Ground.create();
  const { certificate } = ground;
  await using old = new FakeHttpBackend({
    name: "old",
    proxy: true,
    certificate,
  });
  using client = await HttpClient.plain(old);
  await client.send(proxyV2([["192.0.2.1", 1], ["192.0.2.2", 2]]));
  await client.handshake(ground.authority.pem);
  await client.ask("GET", "/");
  const [seen] = old.connections;
  assert.equal(seen!.proxy!.source, "192.0.2.1:1");
  assert.match(seen!.octets, /^GET \/ HTTP\/1\.1\r\n/);
});

Deno.test("FakeHttpBackend complains of a malformed request when it is closed", async () => {
  const old = new FakeHttpBackend({ name: "old" });
  using client = await HttpClient.plain(old);
  await client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
  await client.rest();
  await assert.rejects(() => old[Symbol.asyncDispose](), /field line/);
});
