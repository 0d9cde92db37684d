import assert from "node:assert/strict";
import { bytes } from "../../../tests/support/one_sided.ts";
import { legFrom } from "../../../tests/support/dialogue_session.ts";
import type { ByteStream } from "../../net/byte_stream.ts";
import { LineReader } from "../../net/line_reader.ts";
import type { BackendLeg } from "../../protocols/backend_leg.ts";
import { Upstream } from "./upstream.ts";

/** A connection whose backend says something, or leaves, when the test wants it to. */
function connection() {
  let answer: (text: string | null) => void = () => {};
  const stream: ByteStream = {
    read: (into) =>
      new Promise((resolve) => {
        answer = (text) => {
          if (text !== null) into.set(bytes(text));
          resolve(text?.length ?? null);
        };
      }),
    write: (written) => Promise.resolve(written.length),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  };
  const made = {
    stream,
    reader: new LineReader(stream),
    closed: false,
    close: () => void (made.closed = true),
  };
  return {
    leg: made as unknown as BackendLeg,
    says: (text: string | null) => answer(text),
    get closed() {
      return made.closed;
    },
  };
}

const LEG = { ...legFrom(new Map(), "http"), destination: "new" };

Deno.test("Upstream gives the same connection again for the same leg", () => {
  const upstream = new Upstream();
  assert.equal(upstream.reuse(LEG), null);
  const made = connection();
  upstream.take(LEG, made.leg);
  upstream.rest();
  assert.equal(upstream.reuse({ ...LEG }), made.leg);
  assert.equal(upstream.destination, "new");
});

Deno.test("Upstream does not give a connection that a reload has sent elsewhere, or that is in use", () => {
  for (const rests of [true, false]) {
    const upstream = new Upstream();
    const made = connection();
    upstream.take(LEG, made.leg);
    if (rests) upstream.rest();
    const port = rests ? LEG.port + 1 : LEG.port;
    assert.equal(upstream.reuse({ ...LEG, port }), null);
    assert.ok(made.closed);
  }
});

Deno.test("Upstream lets go of a connection on which something comes unasked", async () => {
  for (const unasked of ["HTTP/1.1 200 OK\r\n\r\n", null]) {
    const upstream = new Upstream();
    const made = connection();
    upstream.take(LEG, made.leg);
    upstream.rest();
    made.says(unasked);
    await made.leg.reader.more();
    assert.equal(upstream.reuse(LEG), null);
    assert.ok(made.closed);
    assert.equal(upstream.destination, "new");
  }
});

Deno.test("Upstream takes what comes in answer to a request for its response", async () => {
  const upstream = new Upstream();
  const made = connection();
  upstream.take(LEG, made.leg);
  upstream.rest();
  assert.equal(upstream.reuse(LEG), made.leg);
  made.says("HTTP");
  await made.leg.reader.more();
  assert.ok(!made.closed);
});
