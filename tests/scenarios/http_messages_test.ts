/** What goes through with a request and its response: bodies, interim responses, and fields. */
import assert from "node:assert/strict";
import type { HttpTalk } from "../support/fake_http_backend.ts";
import { request } from "../support/http_client.ts";
import { chunkOf } from "../support/http_message.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import { until } from "../support/wait.ts";

const chunkedPost = (target: string, more = "") =>
  `POST ${target} HTTP/1.1\r\nHost: a\r\n${more}Transfer-Encoding: chunked\r\n\r\n`;

Deno.test("responses without a body have none, whatever length they name, and the next is read right", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    const [, status] = talk.request.target.split("/");
    const length = status === "204" ? "" : "Content-Length: 1000\r\n";
    await talk.send(`HTTP/1.1 ${status} Said\r\n${length}X-A: b\r\n\r\n`);
  };
  using client = await stage.client();
  for (
    const [method, target] of [
      ["HEAD", "/200"],
      ["GET", "/204"],
      ["GET", "/304"],
      ["HEAD", "/404"],
      ["DELETE", "/204"],
    ] as const
  ) {
    await client.send(request(method, target));
    const answer = await client.response(method);
    assert.equal(`/${answer.status}`, target);
    assert.equal(answer.fields.one("x-a"), "b");
    assert.equal(answer.fields.one("transfer-encoding"), undefined);
    if (method === "HEAD") {
      assert.equal(answer.fields.one("content-length"), "1000");
    }
  }
  assert.equal(stage.old.connections.length, 1);
});

Deno.test("interim responses are passed on", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    await talk.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    await talk.send("HTTP/1.1 102 Processing\r\n\r\n");
    await talk.reply(200, { body: "done" });
  };
  using client = await stage.client();
  for (let i = 0; i < 2; i++) {
    const { interim, body } = await client.ask("GET", "/");
    assert.deepEqual([interim, body], [[103, 102], "done"]);
  }
});

Deno.test("a client that waits for 100 gets the backend's, and its body follows", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    assert.equal(talk.request.fields.one("expect"), "100-continue");
    await talk.send("HTTP/1.1 100 Continue\r\n\r\n");
    await talk.body();
    await talk.reply(201, { body: "kept" });
  };
  const fields = { Expect: "100-continue", "Content-Length": "4" };
  using client = await stage.client();
  for (let i = 1; i < 3; i++) {
    await client.send(request("PUT", "/", { fields }));
    assert.equal((await client.head()).status, 100);
    assert.equal(stage.old.last.body, undefined);
    await client.send("body");
    const answer = await client.response();
    assert.deepEqual([answer.status, answer.interim], [201, []]);
    assert.equal(stage.old.last.body, "body");
  }

  // One that does not wait for it is served as well.
  await client.send(request("PUT", "/", { fields }) + "soon");
  assert.equal((await client.response("PUT")).status, 201);
  assert.equal(stage.old.last.body, "soon");
});

Deno.test("a client that waits for 100 may be refused instead, and its body is not waited for", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    await talk.reply(401, { body: "no" });
    await talk.hang();
  };
  using client = await stage.client();
  const fields = { Expect: "100-continue", "Content-Length": "4" };
  await client.send(request("PUT", "/", { fields }));
  const answer = await client.response();
  assert.deepEqual([answer.status, answer.interim], [401, []]);
  // Whatever the client sends next cannot be told from the body: this connection is over.
  assert.equal(answer.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
});

Deno.test("where a rule needs the body the proxy itself says 100", async () => {
  await using stage = await HttpStage.create({
    routes: [{
      match: "/**",
      extract: { from: "body", regex: "user=(\\S+)" },
    }],
  });
  using client = await stage.client();
  const fields = { Expect: "100-continue", "Content-Length": "20" };
  await client.send(request("PUT", "/", { fields }));
  assert.equal((await client.head()).status, 100);
  assert.equal(stage.new_.connections.length, 0);
  await client.send(`user=${BOB}`);
  assert.equal((await client.response()).body, "new PUT /");
  assert.equal(stage.new_.last.fields.one("expect"), undefined);
  assert.equal(stage.new_.last.body, `user=${BOB}`);

  using chunked = await stage.client();
  await chunked.send(chunkedPost("/", "Expect: 100-Continue\r\n"));
  assert.equal((await chunked.head()).status, 100);
  await chunked.send(chunkOf(`user=${BOB}`) + "0\r\n\r\n");
  assert.equal((await chunked.response()).body, "new POST /");
});

Deno.test("chunks pass both ways as they come, and trailers behind them", async () => {
  await using stage = await HttpStage.create({ tls: true });
  stage.old.answer = async (talk) => {
    await talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
    await talk.send("Trailer: X-Sum\r\n\r\n");
    for (let data; (data = await talk.chunk()) !== null;) {
      await talk.send(chunkOf(data.toUpperCase(), ";a=b"));
    }
    await talk.trailers();
    await talk.send("0\r\nX-Sum: 7\r\nContent-Length: 5\r\n\r\n");
  };
  for (let i = 0; i < 2; i++) {
    using client = await stage.secureClient();
    await client.send(chunkedPost("/", "Trailer: X-Md5\r\n"));
    assert.equal((await client.head()).status, 200);
    for (const data of ["one", "two", "x".repeat(100_000), "z"]) {
      await client.send(chunkOf(data, ';name="value"'));
      let echo = "";
      while (echo.length < data.length) echo += await client.chunk();
      assert.equal(echo === data.toUpperCase(), true);
    }
    await client.send("0\r\nX-Md5: 6\r\nHost: evil\r\n");
    await client.send("Transfer-Encoding: chunked\r\n\r\n");
    assert.equal(await client.chunk(), null);
    const given = await client.trailers();
    assert.equal(given.one("x-sum"), "7");
    assert.equal(given.one("content-length"), undefined);
    assert.deepEqual(stage.old.last.trailers?.lines, [["X-Md5", "6"]]);
  }
});

Deno.test("bodies of known length pass as they come, in both directions", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    await talk.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    for (let i = 0; i < 3; i++) await talk.send((await talk.text(2))!);
  };
  using client = await stage.client();
  const fields = { "Content-Length": "6" };
  await client.send(request("POST", "/", { fields }));
  assert.equal((await client.head()).status, 200);
  for (const part of ["ab", "cd", "ef"]) {
    await client.send(part);
    assert.equal(await client.text(2), part);
  }
});

Deno.test("large bodies arrive whole, both ways at once", async () => {
  await using stage = await HttpStage.create({ tls: true });
  const size = 1_600_000;
  const words = "0123456789abcdef".repeat(size / 16);
  stage.old.answer = async (talk) => {
    assert.equal(await talk.body() === words, true);
    await talk.reply(200, { body: words });
  };
  using client = await stage.secureClient();
  for (let i = 0; i < 2; i++) {
    const { body } = await client.ask("POST", "/", { body: words });
    assert.equal(body === words, true);
  }
  await client.send(chunkedPost("/chunked"));
  for (let at = 0; at < size; at += 70_000) {
    await client.send(chunkOf(words.slice(at, at + 70_000)));
  }
  await client.send("0\r\n\r\n");
  assert.equal((await client.response("POST")).body === words, true);
});

Deno.test("a client that does not read holds up its backend and costs the proxy little", async () => {
  await using stage = await HttpStage.create();
  const most = 200_000_000;
  let sent = 0;
  stage.old.answer = async (talk) => {
    await talk.send(`HTTP/1.1 200 OK\r\nContent-Length: ${most}\r\n\r\n`);
    const piece = new Uint8Array(100_000);
    for (; sent < most; sent += piece.length) await talk.send(piece);
  };
  using client = await stage.client();
  const before = stage.proxy.memory();
  await client.send(request("GET", "/"));
  await client.head();
  let last = -1;
  let same = 0;
  await until("a backend that waits", () => {
    same = sent === last ? same + 1 : 0;
    last = sent;
    return same === 20;
  });
  assert.ok(sent < most / 2, `${sent} octets were taken`);
  const grown = stage.proxy.memory() - before;
  assert.ok(grown < 40_000, `${grown} KiB more`);
});

Deno.test("what is for one hop does not go on, in either direction", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    const fields = {
      Connection: "keep-alive, X-Hop",
      "Keep-Alive": "timeout=5",
      "X-Hop": "1",
      "Proxy-Authenticate": "Basic",
      "X-End": "2",
    };
    await talk.reply(200, { fields, body: "x" });
  };
  using client = await stage.client();
  const fields = {
    "X-Before": "0",
    Connection: "keep-alive, X-Hop, x-other",
    "X-Other": "1",
    "Keep-Alive": "timeout=5",
    "x-hop": "1",
    "Proxy-Connection": "keep-alive",
    "Proxy-Authorization": "Basic eDp5",
    TE: "gzip",
    Upgrade: "h2c",
    // What CGI, and servers that imitate it, cannot tell from the one with dashes.
    "Transfer_Encoding": "chunked",
    "Content_Length": "5",
    "X-END": "end  to\tend",
  };
  const answer = await client.ask("GET", "/?a=b&c", { as: ALICE, fields });
  assert.deepEqual(answer.fields.names, ["x-end", "content-length"]);
  const { last } = stage.old;
  assert.deepEqual(last.fields.names, [
    "host",
    "authorization",
    "x-before",
    "x-end",
  ]);
  // Names and values as they were, the target too.
  assert.deepEqual(last.fields.lines.at(-1), ["X-END", "end  to\tend"]);
  assert.equal(last.target, "/?a=b&c");
});

Deno.test("Connection cannot take away what a request is routed and framed by", async () => {
  await using stage = await HttpStage.create();
  const names = "Host, Authorization, Content-Length, Content-Type";
  const fields = { Connection: names };
  const answer = await stage.ask("POST", "/", { as: BOB, fields, body: "12" });
  if (answer.status === 200) {
    assert.equal(answer.body, "new POST /");
    assert.equal(stage.new_.last.body, "12");
    assert.equal(stage.new_.last.fields.one("host"), "proxy.test");
  } else assert.equal(answer.status, 400);
});

Deno.test("trailers are asked of the backend when the client wants them", async () => {
  await using stage = await HttpStage.create();
  const fields = { TE: "trailers, gzip", Connection: "TE" };
  await stage.ask("GET", "/", { fields });
  assert.equal(stage.old.last.fields.one("te"), "trailers");
  assert.equal(stage.old.last.fields.one("connection")?.toLowerCase(), "te");
});

Deno.test("each event of a stream arrives before the next is sent, however long it lasts", async () => {
  await using stage = await HttpStage.create({ tls: true });
  for (const framing of ["chunked", "until the end"]) {
    let next = Promise.withResolvers<void>();
    stage.old.answer = async (talk: HttpTalk) => {
      await talk.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
      const chunked = framing === "chunked";
      await talk.send(
        chunked
          ? "Transfer-Encoding: chunked\r\n\r\n"
          : "Connection: close\r\n\r\n",
      );
      for (let i = 0; i < 50; i++) {
        const event = `data: ${i}\n\n`;
        await talk.send(chunked ? chunkOf(event) : event);
        await next.promise;
        next = Promise.withResolvers();
      }
      if (chunked) await talk.send("0\r\n\r\n");
      else talk.close();
    };
    using client = await stage.secureClient();
    await client.send(request("GET", "/events", { as: ALICE }));
    const head = await client.head();
    assert.equal(head.fields.one("content-type"), "text/event-stream");
    const isChunked = head.fields.one("transfer-encoding") === "chunked";
    for (let i = 0; i < 50; i++) {
      const event = `data: ${i}\n\n`;
      const got = isChunked
        ? await client.chunk()
        : await client.text(event.length);
      assert.equal(got, event);
      next.resolve();
    }
    if (isChunked) {
      assert.equal(await client.chunk(), null);
      await client.trailers();
    } else assert.equal(await client.rest(), "");
  }
});
