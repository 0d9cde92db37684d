import assert from "node:assert/strict";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { bytes } from "../../../tests/support/one_sided.ts";
import { LineReader } from "../../net/line_reader.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import type { Framing } from "../../protocols/http/framing.ts";
import { SessionEnd } from "../../protocols/session_end.ts";
import { wholeBody } from "./whole_body.ts";

const CHUNKED = "4\r\nuser\r\n6\r\n=alice\r\n0\r\n\r\n";

function readerOf(input: string, pieceSize = 2): LineReader {
  return new LineReader(new MemoryStream(bytes(input), () => pieceSize));
}

const tooLong = (error: unknown) =>
  error instanceof HttpFault && error.status === 413;

async function bodyOf(framing: Framing, input: string, cap = 100) {
  const reader = readerOf(input);
  const body = await wholeBody(reader, framing, cap);
  return { text: String.fromCharCode(...body), reader };
}

Deno.test("wholeBody leaves the body where it is, with its framing", async () => {
  const plain = await bodyOf({ kind: "length", length: 5 }, "alice and more");
  assert.equal(plain.text, "alice");
  assert.ok(String.fromCharCode(...plain.reader.view).startsWith("alice"));
  const chunked = await bodyOf({ kind: "chunked" }, CHUNKED);
  assert.equal(chunked.text, "user=alice");
  assert.ok(CHUNKED.startsWith(String.fromCharCode(...chunked.reader.view)));
  assert.equal((await bodyOf({ kind: "none" }, "GET")).text, "");
});

Deno.test("wholeBody refuses what is longer than its cap, as soon as that is known", async () => {
  await assert.rejects(bodyOf({ kind: "length", length: 101 }, ""), tooLong);
  await assert.rejects(bodyOf({ kind: "chunked" }, CHUNKED, 9), tooLong);
  // Chunks of single octets, with extensions that carry nothing.
  const padded = `1;${"x".repeat(3000)}\r\na\r\n`.repeat(100);
  await assert.rejects(
    wholeBody(readerOf(padded, 4096), { kind: "chunked" }, 200),
    tooLong,
  );
});

Deno.test("wholeBody ends with a client that leaves in the middle", async () => {
  await assert.rejects(
    bodyOf({ kind: "length", length: 50 }, "short"),
    (error) => error instanceof SessionEnd && error.reason === "client-closed",
  );
});
