import assert from "node:assert/strict";
import { BODY_LIMIT, discardBody, readBody } from "./body.ts";

const DECLARED = {
  summary: "A thing",
  types: ["application/json", "text/toml"],
} as const;

function request(
  body: BodyInit | null,
  headers: Record<string, string> = { "content-type": "application/json" },
): Request {
  return new Request("https://a.test/", { method: "POST", body, headers });
}

/** `count` chunks of 1 MiB; `taken` says how many were asked for. */
function chunks(count: number) {
  const taken = { count: 0 };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (taken.count === count) controller.close();
      else {
        taken.count++;
        controller.enqueue(new Uint8Array(1024 * 1024));
      }
    },
  }, { highWaterMark: 0 });
  return { stream, taken };
}

Deno.test("readBody gives the text, and the type without its parameters", async () => {
  const headers = { "content-type": "Text/TOML; charset=utf-8" };
  assert.deepEqual(await readBody(request("ä = 1", headers), DECLARED), {
    type: "text/toml",
    text: "ä = 1",
    value: undefined,
    stream: null,
  });
  const bytes = new TextEncoder().encode("{}");
  assert.deepEqual(await readBody(request(bytes, {}), DECLARED), {
    type: "application/json",
    text: "{}",
    value: undefined,
    stream: null,
  });
  const none = { type: "", text: "", value: undefined, stream: null };
  assert.deepEqual(await readBody(request("x"), undefined), none);
});

Deno.test("readBody refuses other types and what is not UTF-8", async () => {
  const yaml = request("a: 1", { "content-type": "text/yaml" });
  await assert.rejects(readBody(yaml, DECLARED), {
    status: 415,
    message: /must be one of application\/json, text\/toml/,
  });
  await assert.rejects(readBody(request(new Uint8Array([0xff])), DECLARED), {
    status: 400,
  });
});

Deno.test("readBody stops where a body is too large", async () => {
  const limit = BODY_LIMIT / 1024 / 1024;
  const fits = chunks(limit);
  const { text } = await readBody(request(fits.stream), DECLARED);
  assert.equal(text.length, BODY_LIMIT);
  const large = chunks(50);
  await assert.rejects(readBody(request(large.stream), DECLARED), {
    status: 413,
  });
  assert.equal(large.taken.count, limit + 1);
  const announced = chunks(50);
  const headers = {
    "content-type": "application/json",
    "content-length": String(50 * 1024 * 1024),
  };
  await assert.rejects(readBody(request(announced.stream, headers), DECLARED), {
    status: 413,
  });
  assert.equal(announced.taken.count, 0);
});

Deno.test("discardBody reads what is left, but not for ever", async () => {
  const rest = chunks(50);
  const asked = request(rest.stream);
  await assert.rejects(readBody(asked, DECLARED), { status: 413 });
  await discardBody(asked);
  assert.equal(rest.taken.count, 50);
  const endless = chunks(Infinity);
  await discardBody(request(endless.stream));
  assert.ok(endless.taken.count <= 65, String(endless.taken.count));
  const polite = chunks(1);
  await discardBody(request(polite.stream, { expect: "100-continue" }));
  assert.equal(polite.taken.count, 0);
  await discardBody(request(null));
});
