import assert from "node:assert/strict";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { LineReader } from "../../net/line_reader.ts";
import { byteText } from "../../sasl/text.ts";
import { HttpFault } from "./fault.ts";
import { readHead, takeHead } from "./head_reader.ts";
import { octetsOf } from "./octets.ts";

type Side = "request" | "response";
type Size = () => number;

/** The head, or null, or the status of the fault; and what is left behind it. */
async function read(
  input: string,
  { limit = 1000, side = "request" as Side, size = (() => Infinity) as Size } =
    {},
) {
  const stream = new MemoryStream(octetsOf(input), size);
  const reader = new LineReader(stream);
  try {
    const head = await readHead(reader, limit, side);
    const left = byteText(await reader.peek(1e6));
    return { head: head && byteText(head), left };
  } catch (error) {
    if (error instanceof HttpFault) return error.status;
    throw error;
  }
}

const HEAD = "GET / HTTP/1.1\r\nHost: h\r\nX: \t\u00ff\r\n\r\n";

Deno.test("readHead stops behind the empty line, in every split", async () => {
  const body = "\r\n\nbody\r\n\r\n";
  const expected = { head: HEAD, left: body };
  for (const side of ["request", "response"] as const) {
    for (let cut = 1; cut < HEAD.length + body.length; cut++) {
      let isFirst = true;
      const size = () => isFirst ? (isFirst = false, cut) : Infinity;
      assert.deepEqual(await read(HEAD + body, { side, size }), expected);
    }
    const size = () => 1;
    assert.deepEqual(await read(HEAD + body, { side, size }), expected);
  }
});

Deno.test("readHead reads one head after the other", async () => {
  const reader = new LineReader(
    new MemoryStream(octetsOf(HEAD.repeat(3)), () => 7),
  );
  for (let i = 0; i < 3; i++) {
    assert.equal(byteText((await readHead(reader, 100, "request"))!), HEAD);
  }
  assert.equal(await readHead(reader, 100, "request"), null);
});

Deno.test("readHead passes over a few empty lines in front of a request", async () => {
  for (const size of [() => 1, () => Infinity]) {
    for (let lines = 0; lines <= 4; lines++) {
      const input = "\r\n".repeat(lines) + HEAD;
      assert.deepEqual(await read(input, { size }), { head: HEAD, left: "" });
    }
    assert.equal(await read("\r\n".repeat(5) + HEAD, { size }), 400);
    assert.equal(await read(`\r\n\n${HEAD}`, { size }), 400);
    assert.equal(await read(`\n${HEAD}`, { size }), 400);
    assert.equal(await read(`\r\n\r${HEAD}`, { size }), 400);
    assert.equal(await read(`\r\n${HEAD}`, { side: "response", size }), 502);
  }
});

Deno.test("readHead tells an end before the first byte from one in the middle", async () => {
  assert.deepEqual(await read(""), { head: null, left: "" });
  assert.deepEqual(await read("\r\n\r\n"), { head: null, left: "" });
  assert.equal(await read("\r"), 400);
  for (let length = 1; length < HEAD.length; length++) {
    const input = HEAD.slice(0, length);
    assert.equal(await read(input), 400);
    assert.equal(await read(input, { side: "response" }), 502);
  }
});

Deno.test("readHead holds its limit", async () => {
  for (const size of [() => 1, () => 7, () => Infinity]) {
    const exact = { limit: HEAD.length, size };
    assert.deepEqual(await read(HEAD, exact), { head: HEAD, left: "" });
    assert.deepEqual(await read(`${HEAD}rest`, exact), {
      head: HEAD,
      left: "rest",
    });
    const less = { limit: HEAD.length - 1, size };
    assert.equal(await read(HEAD, less), 431);
    assert.equal(await read(HEAD, { ...less, side: "response" }), 502);
    assert.equal(await read("x".repeat(5000), { size }), 431);
  }
});

Deno.test("takeHead takes a head once all of it has come", async () => {
  for (let cut = 1; cut <= HEAD.length + 6; cut++) {
    let isFirst = true;
    const size = () => isFirst ? (isFirst = false, cut) : Infinity;
    const stream = new MemoryStream(octetsOf(`${HEAD}body\r\n`), size);
    const reader = new LineReader(stream);
    assert.equal(takeHead(reader, 1000), null);
    await reader.more();
    const head = takeHead(reader, HEAD.length);
    const isWhole = cut >= HEAD.length;
    assert.equal(head && byteText(head), isWhole ? HEAD : null);
    const left = byteText(await reader.peek(1e6));
    assert.equal(left, isWhole ? "body\r\n" : `${HEAD}body\r\n`);
  }
});

Deno.test("takeHead leaves what is long or odd", async () => {
  for (const input of [`\r\n${HEAD}`, `x${HEAD}`, "GET /\r\r\nX: y\r\n"]) {
    const reader = new LineReader(new MemoryStream(octetsOf(input)));
    await reader.more();
    assert.equal(takeHead(reader, HEAD.length), null);
    assert.equal(reader.buffered, input.length);
  }
});

/** A stream that says this and then nothing more. */
function unfinished(input: string): LineReader {
  const stream = new MemoryStream(octetsOf(input));
  const read = stream.read.bind(stream);
  stream.read = async (into) => await read(into) ?? new Promise(() => {});
  return new LineReader(stream);
}

Deno.test("readHead refuses what cannot become a head before its end has come", async () => {
  const cases = [
    "GET / HTTP/1.1\n",
    "GET / HTTP/1.1\r\nHost: h\n",
    "GET / HTTP/1.1\rH",
    "GET / HTTP/1.1\r\r",
    "GET / HTTP/1.1\r\nX: \u0000",
    "\u0016\u0003\u0001",
    "GET / HTTP/1.1\r\nX: \u000b",
    "GET / HTTP/1.1\r\nX: \u007f",
    "GET / HTTP/1.1\r\n\rH",
  ];
  for (const input of cases) {
    for (const side of ["request", "response"] as const) {
      await assert.rejects(
        readHead(unfinished(input), 1000, side),
        (error) =>
          error instanceof HttpFault &&
          error.status === (side === "request" ? 400 : 502),
        JSON.stringify(input),
      );
    }
  }
  await assert.rejects(
    readHead(unfinished("x".repeat(1000)), 1000, "request"),
    (error) => error instanceof HttpFault && error.status === 431,
  );
});
