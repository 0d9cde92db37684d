/** Backends that misbehave, and clients that send nonsense without end. */
import assert from "node:assert/strict";
import type { HttpTalk } from "../support/fake_http_backend.ts";
import { response } from "../support/fake_http_backend.ts";
import { HttpClient, request } from "../support/http_client.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import { refusedPort } from "../support/ports.ts";
import { SeededRandom } from "../support/random.ts";
import { until, within } from "../support/wait.ts";

const saying = (...texts: string[]) => async (talk: HttpTalk) => {
  await talk.body();
  for (const text of texts) await talk.send(text);
};

const thenClosing = (...texts: string[]) => async (talk: HttpTalk) => {
  await saying(...texts)(talk);
  talk.close();
};

/** Head and octets of a response as the client gets them before the connection ends. */
async function cutOff(client: HttpClient): Promise<string> {
  assert.equal((await client.head()).status, 200);
  return await client.rest();
}

Deno.test("a response that comes before the end of its request is passed on, and ends the connection", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    await talk.text(4);
    await talk.reply(413, { body: "too much" });
    await talk.hang();
  };
  for (
    const framing of ["Content-Length: 1000000", "Transfer-Encoding: chunked"]
  ) {
    using client = await stage.client();
    await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
    await client.send("64\r\n" + "x".repeat(50));
    const answer = await client.response();
    assert.deepEqual([answer.status, answer.body], [413, "too much"]);
    assert.equal(answer.fields.one("connection"), "close");
    assert.equal(await client.rest(), "");
    await until("an end at the backend", () => stage.old.open === 0);
  }
});

Deno.test("a client that is still sending when the response comes can read it", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    await talk.reply(403, { body: "no" });
    await talk.hang();
  };
  using client = await stage.client();
  await client.send(
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n",
  );
  const sending = client.send("x".repeat(2_999_999)).catch(() => {});
  assert.equal((await client.response()).status, 403);
  await sending;
});

Deno.test("a response that is cut off is never taken for a whole one", async () => {
  await using stage = await HttpStage.create();
  const head = "HTTP/1.1 200 OK\r\n";
  for (
    const [answer, expected] of [
      [
        thenClosing(`${head}Content-Length: 100\r\n\r\n0123456789`),
        "0123456789",
      ],
      [
        thenClosing(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`),
        "5\r\nhello\r\n",
      ],
      [
        thenClosing(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhe`),
        "5\r\nhe",
      ],
      [
        thenClosing(`${head}Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n`),
        /^(0\r\n(X-A: b\r\n)?)?$/,
      ],
    ] as const
  ) {
    stage.old.answer = answer;
    using client = await stage.client();
    await client.send(request("GET", "/") + request("GET", "/behind"));
    const said = await cutOff(client);
    if (typeof expected === "string") assert.equal(said, expected);
    else assert.match(said, expected);
  }
  assert.doesNotMatch(stage.old.octets, /behind/);
});

Deno.test("a backend that closes before a whole head is answered for with 502", async () => {
  await using stage = await HttpStage.create();
  for (
    const text of [
      "",
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 200 OK\r\nX: y\r\n",
      "HT",
    ]
  ) {
    stage.old.answer = thenClosing(text);
    const { status, fields } = await stage.ask("POST", "/", { body: "x" });
    assert.equal(status, 502, text);
    assert.equal(fields.one("connection"), "close");
  }
  // Nobody sent it twice: the backend may have acted on it.
  assert.equal(stage.old.requests.length, 4);
});

Deno.test("a backend that says more than its response does not answer the next request with that", async () => {
  await using stage = await HttpStage.create();
  const poison = response(200, { body: "poison" });
  let round = 0;
  stage.old.answer = async (talk) => {
    round++;
    await talk.body();
    await talk.send(response(200, { body: `${round}` }) + poison);
  };
  using client = await stage.client();
  for (let i = 1; i < 5; i++) {
    assert.equal((await client.ask("GET", "/")).body, `${i}`);
  }
  await client.send(request("GET", "/").repeat(4));
  for (let i = 5; i < 9; i++) {
    assert.equal((await client.response()).body, `${i}`);
  }
  assert.equal(stage.old.connections.length, 8);
});

Deno.test("what a backend says while it is asked nothing answers no request", async () => {
  await using stage = await HttpStage.create();
  const said = Promise.withResolvers<void>();
  const ask = Promise.withResolvers<void>();
  stage.old.answer = async (talk) => {
    await talk.reply(200, { body: `${talk.connection}` });
    if (talk.connection > 0) return;
    await ask.promise;
    await talk.send(response(200, { body: "poison" }));
    said.resolve();
  };
  using client = await stage.client();
  assert.equal((await client.ask("GET", "/")).body, "0");
  ask.resolve();
  await said.promise;
  await until("the end of that connection", () => stage.old.open === 0);
  assert.equal((await client.ask("GET", "/")).body, "1");
});

Deno.test("what is no response is answered for with 502, and nothing of it shown", async () => {
  await using stage = await HttpStage.create();
  const ok = "HTTP/1.1 200 OK\r\n";
  for (
    const text of [
      "SSH-2.0-secret\r\n\r\n",
      "secret",
      "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nsecret\r\n\r\n",
      "HTTP/1.1 secret\r\n\r\n",
      "HTTP/1.1 99 secret\r\n\r\n",
      "HTTP/1.1 1000 secret\r\n\r\n",
      "HTTP/2 200 secret\r\n\r\n",
      "HTTP/1.1 200 OK\nX-A: secret\n\n",
      `${ok}X-A: secret\nX-B: b\r\n\r\n`,
      `${ok}X-A: se\rcret\r\n\r\n`,
      `${ok}X-A: se\0cret\r\n\r\n`,
      `${ok}X-A : secret\r\n\r\n`,
      `${ok}secret\r\n\r\n`,
      `${ok}Content-Length: 6\r\nContent-Length: 7\r\n\r\nsecret`,
      `${ok}Content-Length: +6\r\n\r\nsecret`,
      `${ok}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\nsecret`,
      `${ok}Transfer-Encoding: xchunked\r\n\r\nsecret`,
      `${ok}Transfer-Encoding: chunked, gzip\r\n\r\nsecret`,
    ]
  ) {
    stage.old.answer = thenClosing(text);
    const what = JSON.stringify(text);
    const { status, body, fields } = await stage.ask("GET", "/");
    assert.equal(status, 502, what);
    assert.doesNotMatch(body + JSON.stringify(fields.lines), /secret/, what);
  }
});

Deno.test("chunks of a response that are malformed cut it off", async () => {
  await using stage = await HttpStage.create();
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (
    const chunks of ["0x5\r\nhello", "5\nhello", "5\r\nhelloo\r\n0\r\n\r\n"]
  ) {
    stage.old.answer = saying(head, "2\r\nab\r\n", `${chunks}\r\n0\r\n\r\n`);
    using client = await stage.client();
    await client.send(request("GET", "/"));
    const said = await client.rest();
    // Nobody may take it for whole: the last chunk must not be there.
    assert.doesNotMatch(said, /0\r\n\r\n$/, chunks);
    const { reason } = await stage.proxy.ended(client.localPort);
    assert.equal(reason, "backend-unavailable");
    await until("an end at the backend", () => stage.old.open === 0);
  }
});

Deno.test("a head that never ends is given up", async () => {
  await using stage = await HttpStage.create({
    config: { http: { max_head_size: 20_000 } },
  });
  let sent = 0;
  const forever = (first: string, next: string) => async (talk: HttpTalk) => {
    sent = 0;
    await talk.send(first);
    for (; sent < 100_000_000; sent += next.length) await talk.send(next);
  };
  for (
    const [first, next] of [
      ["HTTP/1.1 200 OK\r\n", "X-A: b\r\n".repeat(100)],
      ["HTTP/1.1 200 OK\r\nX-A: ", "b".repeat(1000)],
      ["", "x".repeat(1000)],
    ] as const
  ) {
    stage.old.answer = forever(first, next);
    assert.equal((await stage.ask("GET", "/")).status, 502);
    await until("an end at the backend", () => stage.old.open === 0);
    assert.ok(sent < 20_000_000, `${sent} octets were taken`);
  }
});

Deno.test("a backend that does not answer is given up with 504, before its response or in the middle", async () => {
  await using stage = await HttpStage.create({
    config: { http: { relay_idle: "400ms" } },
  });
  stage.old.answer = (talk) => talk.hang();
  using client = await stage.client();
  const late = await client.ask("GET", "/");
  assert.equal(late.status, 504);
  assert.equal(late.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");

  stage.old.answer = async (talk) => {
    await talk.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    await talk.hang();
  };
  await stage.proxy.change("/config/http/relay_idle", "2s");
  using other = await stage.client();
  await other.send(request("GET", "/"));
  assert.equal(await cutOff(other), "some");
  await until("an end at the backend", () => stage.old.open === 0);
});

Deno.test("a backend that accepts and never shakes hands is given up after backend_timeout", async () => {
  await using stage = await HttpStage.create({
    tls: true,
    config: {
      server: { backend_timeout: "3s", backend_connect_retries: 0 },
    },
  });
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of silent) accepted.push(conn);
  })();
  const { port } = silent.addr;
  await stage.proxy.reconfigure({
    destination: { old: { protocol: { http: { port } } } },
  });
  await stage.proxy.ask("POST", "/config/reload");
  const { status } = await stage.ask("GET", "/", { as: ALICE });
  assert.equal(status, 504);
  assert.equal((await stage.ask("GET", "/", { as: BOB })).status, 200);
  silent.close();
  for (const conn of accepted) conn.close();
  await accepting;
});

Deno.test("a backend that refuses connections gives 502, then 503 at once while it counts as down", async () => {
  await using stage = await HttpStage.create({
    config: {
      server: { host_down_threshold: 2, backend_connect_retries: 0 },
      destination: { new: { protocol: { http: { port: refusedPort() } } } },
    },
  });
  const asked = async () => {
    const { status, fields } = await stage.ask("GET", "/", { as: BOB });
    assert.equal(fields.one("connection"), "close");
    if (status === 503) assert.match(fields.one("retry-after") ?? "", /^\d+$/);
    return status;
  };
  assert.equal(await asked(), 502);
  assert.equal(await asked(), 502);
  await until("a leg that is down", async () => await asked() === 503);
  assert.equal(await asked(), 503);
  const { destinations } = JSON.parse(
    await stage.proxy.ask("GET", "/destinations"),
  );
  const down = destinations.filter((one: { down: boolean }) => one.down);
  assert.deepEqual(
    down.map((one: { destination: string }) => one.destination),
    ["new"],
  );
  assert.equal((await stage.ask("GET", "/", { as: ALICE })).status, 200);
});

Deno.test("a backend whose certificate is not the right one is asked nothing", async () => {
  await using stage = await HttpStage.create({
    tls: true,
    destination: { tls_server_name: "other.test" },
  });
  assert.equal((await stage.ask("GET", "/", { as: ALICE })).status, 502);
  assert.equal(stage.old.octets, "");
});

Deno.test("ten thousand heads of nonsense leave nothing behind", async () => {
  await using stage = await HttpStage.create({
    config: { server: { log_level: "info" } },
  });
  const listener = stage.proxy.listener("http");
  const random = new SeededRandom(7);
  const nonsense = () => {
    const octets = Uint8Array.from(
      { length: 1 + random.below(2000) },
      () => random.below(256),
    );
    const text = `GET /${random.below(1e9)} HTTP/1.1\r\nX-${
      random.below(1e9)
    }: `;
    return random.below(2)
      ? octets
      : new TextEncoder().encode(`${text}\r\n\r\n`);
  };
  let left = 0;
  const send = async () => {
    while (left-- > 0) {
      using client = await HttpClient.plain(listener);
      // What it answers may come before the end of this, and the connection be closed.
      await client.send(nonsense()).catch(() => {});
      await client.closeWrite().catch(() => {});
      assert.match(await client.rest(), /^(HTTP\/1\.1 [45][0-9]{2} [^]*)?$/);
    }
  };
  const wave = async (count: number) => {
    left = count;
    await within(
      "a wave of nonsense",
      Promise.all(Array.from({ length: 32 }, send)),
      240_000,
    );
    await stage.proxy.empty();
    return stage.proxy.memory();
  };
  const descriptors = stage.proxy.descriptors();
  // By then the heap has the size that it keeps, give or take what waits to be collected.
  const before = await wave(4000);
  const after = await wave(10_000);
  assert.ok(after - before < 60_000, `from ${before} to ${after} KiB`);
  await until(
    "as many descriptors as before",
    () => stage.proxy.descriptors() <= descriptors + 2,
  );
  assert.equal(stage.old.connections.length, 0);
  assert.equal((await stage.ask("GET", "/")).status, 200);
});
