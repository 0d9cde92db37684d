import assert from "node:assert/strict";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { bytes } from "../../../tests/support/one_sided.ts";
import { LineReader } from "../../net/line_reader.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import type { Framing } from "../../protocols/http/framing.ts";
import {
  BrokenOff,
  ChunkingStream,
  copyBody,
  meterOf,
  takeWaiting,
} from "./body.ts";

const CHUNKED = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n";

/** What is passed on of a body, and what is left for whoever reads next. */
async function copied(framing: Framing, input: string, pieceSize = 3) {
  const reader = new LineReader(
    new MemoryStream(bytes(input), () => pieceSize),
  );
  const sink = new MemoryStream(new Uint8Array());
  const meter = meterOf(framing, 400);
  let counted = 0;
  await copyBody(reader, meter, sink, (count) => counted += count);
  assert.equal(counted, sink.written.length);
  const { buffered } = reader.handOver();
  return { written: sink.written, left: String.fromCharCode(...buffered) };
}

Deno.test("copyBody passes on a body of a length and nothing of what follows", async () => {
  for (const pieceSize of [1, 3, 100]) {
    const { written, left } = await copied(
      { kind: "length", length: 5 },
      "helloGET / HTTP/1.1",
      pieceSize,
    );
    assert.equal(written, "hello");
    assert.ok("GET / HTTP/1.1".startsWith(left));
  }
});

Deno.test("copyBody passes on a chunked body as it came, up to its trailer section", async () => {
  for (const pieceSize of [1, 4, 100]) {
    const { written } = await copied(
      { kind: "chunked" },
      `${CHUNKED}a: b\r\n\r\n`,
      pieceSize,
    );
    assert.equal(written, CHUNKED);
  }
});

Deno.test("copyBody passes on a body without a length until its stream ends", async () => {
  const { written } = await copied({ kind: "close" }, "all there is");
  assert.equal(written, "all there is");
});

Deno.test("copyBody does not take a stream that broke off for the end of a body", async () => {
  const source = new MemoryStream(bytes("some"));
  const read = source.read.bind(source);
  source.read = async (into) => {
    const count = await read(into);
    if (count === null) throw new Deno.errors.ConnectionReset();
    return count;
  };
  const sink = new MemoryStream(new Uint8Array());
  const meter = meterOf({ kind: "close" }, 502);
  await assert.rejects(
    copyBody(new LineReader(source), meter, sink, () => {}),
    (error) => error instanceof BrokenOff && error.leg === "source",
  );
  assert.equal(sink.written, "some");
});

Deno.test("ChunkingStream makes a chunk of each piece", async () => {
  const sink = new MemoryStream(new Uint8Array());
  const chunking = new ChunkingStream(sink);
  for (const piece of ["hello", "", "x".repeat(26)]) {
    assert.equal(await chunking.write(bytes(piece)), piece.length);
  }
  assert.equal(
    sink.written,
    `5\r\nhello\r\n1a\r\n${"x".repeat(26)}\r\n`,
  );
});

Deno.test("copyBody tells a body that ends too soon from one that nobody takes", async () => {
  await assert.rejects(
    copied({ kind: "length", length: 50 }, "short"),
    (error) => error instanceof BrokenOff && error.leg === "source",
  );
  const reader = new LineReader(new MemoryStream(bytes("hello")));
  const sink = new MemoryStream(new Uint8Array());
  sink.write = () => Promise.reject(new Deno.errors.BrokenPipe());
  await assert.rejects(
    copyBody(reader, meterOf({ kind: "close" }, 400), sink, () => {}),
    (error) => error instanceof BrokenOff && error.leg === "sink",
  );
});

Deno.test("copyBody passes nothing on behind a chunk that breaks its framing", async () => {
  const reader = new LineReader(new MemoryStream(bytes("5\r\nhelloX\r\n")));
  const sink = new MemoryStream(new Uint8Array());
  await assert.rejects(
    copyBody(reader, meterOf({ kind: "chunked" }, 400), sink, () => {}),
    (error) => error instanceof HttpFault && error.status === 400,
  );
  assert.ok(!sink.written.includes("X"));
});

Deno.test("takeWaiting takes what waits of the body, and no more", async () => {
  const reader = new LineReader(new MemoryStream(bytes("abcNEXT")));
  await reader.more();
  const meter = meterOf({ kind: "length", length: 3 }, 400);
  const first = takeWaiting(reader, meter);
  assert.equal(String.fromCharCode(...first!), "abc");
  assert.equal(meter.done, true);
  assert.equal(String.fromCharCode(...reader.view), "NEXT");
});
