/**
 * Requests that a server behind might read in another way: each is refused, and what comes behind it on
 * the connection reaches nobody.
 */
import assert from "node:assert/strict";
import type { HttpClient } from "../support/http_client.ts";
import { request } from "../support/http_client.ts";
import { chunkOf } from "../support/http_message.ts";
import {
  BAD_CHUNKS,
  BAD_FRAMING,
  BAD_HEADS,
  type BadRequest,
  BEHIND,
} from "../support/http_smuggling.ts";
import { ALICE, HttpStage } from "../support/http_stage.ts";
import { SeededRandom } from "../support/random.ts";
import { until } from "../support/wait.ts";

function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Sent in one go, or in pieces: what is refused must not depend on it. */
async function deliver(
  client: HttpClient,
  { text }: BadRequest,
  pieces: boolean,
): Promise<void> {
  const all = octets(text + BEHIND);
  try {
    if (!pieces) return await client.send(all);
    for (let at = 0; at < all.length; at += 7) {
      await client.send(all.subarray(at, at + 7));
    }
  } catch {
    // It was refused, and the connection closed, before all of it was there.
  }
}

/** The request is answered with an error, and nobody behind the proxy has got a whole request. */
async function refused(
  stage: HttpStage,
  bad: BadRequest,
  { pieces = false } = {},
): Promise<void> {
  const { what } = bad;
  using client = await stage.client();
  const [answer] = await Promise.all([
    client.response().catch((error) => {
      throw new Error(what, { cause: error });
    }),
    deliver(client, bad, pieces),
  ]);
  assert.ok(bad.status.includes(answer.status), `${what}: ${answer.status}`);
  assert.equal(answer.fields.one("connection"), "close", what);
  assert.equal(await client.rest(), "", what);
  await until("an end at the backend", () => stage.old.open === 0);
  const whole = stage.old.requests.filter(({ body }) => body !== undefined);
  assert.deepEqual(whole, [], what);
  assert.doesNotMatch(stage.old.octets, /smuggled/, what);
}

for (const pieces of [false, true]) {
  const how = pieces ? "in pieces" : "in one piece";

  Deno.test(`a request whose length is in doubt reaches nobody (${how})`, async () => {
    await using stage = await HttpStage.create();
    for (const bad of BAD_FRAMING) await refused(stage, bad, { pieces });
    assert.equal(stage.old.connections.length, 0);
  });

  Deno.test(`a head that is malformed, or that we do not serve, reaches nobody (${how})`, async () => {
    await using stage = await HttpStage.create();
    for (const bad of BAD_HEADS) await refused(stage, bad, { pieces });
    assert.equal(stage.old.connections.length, 0);
  });

  Deno.test(`a request with malformed chunks never arrives whole (${how})`, async () => {
    await using stage = await HttpStage.create();
    for (const bad of BAD_CHUNKS) await refused(stage, bad, { pieces });
  });
}

Deno.test("a request that is refused takes down what was kept alive before it", async () => {
  await using stage = await HttpStage.create();
  for (const bad of [BAD_FRAMING[0]!, BAD_HEADS[0]!, BAD_CHUNKS[0]!]) {
    using client = await stage.client();
    const before = await client.ask("GET", "/before", { as: ALICE });
    assert.equal(before.status, 200);
    await client.send(octets(bad.text + BEHIND));
    assert.equal((await client.response()).status, 400);
    assert.equal(await client.rest(), "");
    await until("an end at the backend", () => stage.old.open === 0);
  }
  assert.doesNotMatch(stage.old.octets, /smuggled/);
});

Deno.test("malformed chunks are refused where the proxy reads the body for a rule too", async () => {
  await using stage = await HttpStage.create({
    routes: [{
      match: "/**",
      extract: { from: "body", regex: "(.*)" },
      fallback: "default",
    }],
  });
  for (const bad of BAD_CHUNKS) await refused(stage, bad);
});

Deno.test("a tunnel is refused with the methods that are allowed", async () => {
  await using stage = await HttpStage.create();
  const { status, fields } = await stage.ask("CONNECT", "proxy.test:443");
  assert.equal(status, 405);
  assert.match(fields.one("allow") ?? "", /GET/);
  assert.doesNotMatch(fields.one("allow") ?? "", /CONNECT/);
});

Deno.test("a head over max_head_size gets 431, however it is made up", async () => {
  await using stage = await HttpStage.create({
    config: { http: { max_head_size: 2000 } },
  });
  const fields = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, ""]));
  for (
    const text of [
      request("GET", `/${"a".repeat(3000)}`),
      request("GET", "/", { fields: { "X-Long": "a".repeat(3000) } }),
      request("GET", "/", { fields: fields(500) }),
      // Without an end: refused all the same.
      `GET /${"a".repeat(3000)}`,
      "A".repeat(3000),
    ]
  ) {
    using client = await stage.client();
    await client.send(text);
    const answer = await client.response();
    assert.equal(answer.status, 431, text.slice(0, 60));
    assert.equal(await client.rest(), "");
  }
  assert.equal(stage.old.connections.length, 0);
  const most = request("GET", "/");
  const long = "a".repeat(2000 - most.length - "X: \r\n".length);
  const answer = await stage.ask("GET", "/", { fields: { X: long } });
  assert.equal(answer.status, 200);
});

Deno.test("what looks odd and is lawful arrives, and so does what is pipelined behind it", async () => {
  await using stage = await HttpStage.create();
  const post = (fields: string, body: string) =>
    `POST /odd HTTP/1.1\r\nHost: proxy.test\r\n${fields}\r\n${body}`;
  const cases: readonly (readonly [text: string, body: string])[] = [
    [post("content-length:5\r\n", "hello"), "hello"],
    [post("Content-Length:\t 5 \t\r\n", "hello"), "hello"],
    [post("Content-Length: 0\r\n", ""), ""],
    [post("", ""), ""],
    [post("Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n"), ""],
    [
      post(
        "transfer-encoding:\tchunked \r\n",
        `005\r\nhello\r\nA;a=b;c="d"\r\n0123456789\r\n0;last\r\nX: y\r\n\r\n`,
      ),
      "hello0123456789",
    ],
    // The body of one looks like a request (CL.0), and stays a body.
    [post(`Content-Length: ${BEHIND.length}\r\n`, BEHIND), BEHIND],
    [
      post("Transfer-Encoding: chunked\r\n", `${chunkOf(BEHIND)}0\r\n\r\n`),
      BEHIND,
    ],
    [
      `GET /odd HTTP/1.1\r\nHost: a\r\nContent-Length: ${BEHIND.length}\r\n\r\n${BEHIND}`,
      BEHIND,
    ],
    [
      "POST http://proxy.test/odd HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 2\r\n\r\nab",
      "ab",
    ],
  ];
  using client = await stage.client();
  const next = request("GET", "/next");
  await client.send(cases.map(([text]) => text + next).join(""));
  for (const [text, body] of cases) {
    const what = JSON.stringify(text);
    const odd = await client.response();
    assert.match(odd.body, /^old (GET|POST) \/odd$/, what);
    assert.equal((await client.response()).body, "old GET /next", what);
    const seen = stage.old.requests.filter(({ target }) => target === "/odd");
    assert.ok(seen.some((one) => one.body === body), what);
  }
  const { requests } = stage.old;
  assert.deepEqual(
    requests.map(({ target, body }) => [target, body]),
    cases.flatMap(([, body]) => [["/odd", body], ["/next", ""]]),
  );
  assert.equal(stage.old.connections.length, 1);
});

Deno.test("one length that is named twice is sent on once, or refused", async () => {
  await using stage = await HttpStage.create();
  for (
    const lengths of [
      "Content-Length: 5\r\nContent-Length: 5",
      "Content-Length: 5, 5",
    ]
  ) {
    using client = await stage.client();
    await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${lengths}\r\n\r\nhello`);
    const { status } = await client.response();
    if (status !== 400) {
      assert.equal(status, 200);
      assert.equal(stage.old.last.fields.one("content-length"), "5");
      assert.equal(stage.old.last.body, "hello");
    }
  }
});

Deno.test("whatever is damaged in requests, what the backend gets is well-formed", async () => {
  await using stage = await HttpStage.create({
    config: { server: { log_level: "info" } },
  });
  const whole = [
    request("POST", "/1", { as: ALICE, body: "hello" }),
    "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n",
    `5;a=b\r\nhello\r\n${chunkOf("x".repeat(20))}0\r\nX-T: z\r\n\r\n`,
    request("GET", "/3", { fields: { Connection: "close" } }),
  ].join("");
  const seed = 11;
  const random = new SeededRandom(seed);
  const odd = "\0\t\n\v\r !\"',-/059:;=AFXfx\x7f\x80\xff";
  let statuses = 0;
  for (let round = 0; round < 400; round++) {
    let text = whole;
    for (let damage = random.below(3); damage >= 0; damage--) {
      const at = random.below(text.length);
      const put = random.pick([...odd, "", "\r\n", text.slice(at, at + 9)]);
      text = text.slice(0, at) + put + text.slice(at + random.below(2));
    }
    using client = await stage.client();
    await client.send(octets(text)).catch(() => {});
    await client.closeWrite().catch(() => {});
    const said = await client.rest();
    statuses += said.match(/HTTP\/1\.1 (200|400) /g)?.length ?? 0;
  }
  assert.ok(statuses > 400, `seed ${seed}: ${statuses} answers`);
  // The stage itself fails the test for a malformed request at its backends.
  assert.ok(stage.old.requests.length > 400);
});
