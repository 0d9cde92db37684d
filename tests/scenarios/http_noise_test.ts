/** Noise without end, from clients and from backends. */
import assert from "node:assert/strict";
import { ordinary, response } from "../support/fake_http_backend.ts";
import { request } from "../support/http_client.ts";
import { chunkOf, MalformedMessage } from "../support/http_message.ts";
import { HttpStage } from "../support/http_stage.ts";
import { SeededRandom } from "../support/random.ts";
import { pause, until } from "../support/wait.ts";

const ROUNDS = 200;

/** Responses of every kind, in which any octet may be changed. */
const WHOLE = [
  response(200, { fields: { "X-A": "b", Connection: "X-Hop" }, body: "hello" }),
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
  `${chunkOf("one", ";a=b")}${chunkOf("x".repeat(20))}0\r\nX-T: z\r\n\r\n`,
  "HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + response(404, { body: "none" }),
  "HTTP/1.1 204 None\r\nX-A: b\r\n\r\n",
  "HTTP/1.0 200 OK\r\n\r\nuntil the end",
  "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n",
];

Deno.test("whatever is damaged in responses, clients get what is well-formed, and never another's", async () => {
  await using stage = await HttpStage.create({
    // What is damaged may promise more than comes.
    config: {
      server: { log_level: "info" },
      http: { relay_idle: "1s" },
    },
  });
  const seed = 23;
  const random = new SeededRandom(seed);
  const odd = "\0\t\n\v\r !\"',-/0159:;=AFXfx\x7f\x80\xff";
  const damaged = () => {
    let text = random.pick(WHOLE);
    for (let damage = random.below(3); damage >= 0; damage--) {
      const at = random.below(text.length);
      const put = random.pick([...odd, "", "\r\n", text.slice(at, at + 9)]);
      text = text.slice(0, at) + put + text.slice(at + random.below(2));
    }
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  };
  stage.old.answer = async (talk) => {
    if (talk.request.target !== "/damaged") return await ordinary(talk);
    await talk.send(damaged());
    // Some say no more, and some have said enough.
    if (random.below(2)) talk.close();
    else await talk.send(response(200, { body: "poison" }));
  };
  let checked = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const what = `seed ${seed}, round ${round}`;
    using client = await stage.client();
    try {
      for (let i = 0; i < 3; i++) {
        await client.ask("GET", "/damaged");
        const target = `/check/${round}/${i}`;
        const { status, body } = await client.ask("GET", target);
        // A busy machine takes longer for an answer than relay_idle.
        if (status === 504) break;
        assert.deepEqual([status, body], [200, `old GET ${target}`], what);
        checked++;
      }
    } catch (error) {
      // A connection that ends is as good an answer as any.
      const isCut = error instanceof Error && /ended/.test(error.message);
      assert.ok(
        isCut && !(error instanceof MalformedMessage),
        `${what}: ${error}`,
      );
    }
  }
  assert.ok(checked > ROUNDS / 40, `${checked} of ${ROUNDS}`);
  assert.equal((await stage.ask("GET", "/")).status, 200);
});

Deno.test("a trailer section without an end is given up, from either side", async () => {
  await using stage = await HttpStage.create();
  const forever = "X: y\r\n".repeat(1000);
  using client = await stage.client();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\n");
  await client.send("Transfer-Encoding: chunked\r\n\r\n0\r\n");
  const sending = (async () => {
    for (let i = 0; i < 1000; i++) await client.send(forever);
  })().catch(() => {});
  assert.match(`${(await client.response()).status}`, /^4/);
  await sending;
  await until("an end at the backend", () => stage.old.open === 0);
  assert.equal(stage.old.last.body, undefined);

  stage.old.answer = async (talk) => {
    await talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    await talk.send("0\r\n");
    for (let i = 0; i < 1000; i++) await talk.send(forever);
  };
  using other = await stage.client();
  await other.send(request("GET", "/"));
  const said = await other.rest();
  assert.ok(said.length < 1000, `${said.length} octets`);
  assert.doesNotMatch(said, /\r\n0\r\n\r\n$/);
  await until("an end at the backend", () => stage.old.open === 0);
});

Deno.test("a client that is refused and goes on sending is closed all the same", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  await client.send("NONSENSE\r\n\r\n");
  let refused = false;
  const sending = (async () => {
    while (!refused) {
      await client.send("more nonsense");
      await pause(10);
    }
  })().catch(() => {});
  const record = await stage.proxy.ended(client.localPort);
  refused = true;
  await sending;
  assert.equal(record.reason, "request-refused");
});
