import assert from "node:assert/strict";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { LineReader } from "../../net/line_reader.ts";
import { byteText } from "../../sasl/text.ts";
import { ChunkScanner, readTrailers } from "./chunks.ts";
import { HttpFault } from "./fault.ts";
import { octetsOf } from "./octets.ts";

/** How much of `input` is the body, when it comes in pieces of this size; the status of the fault, negative. */
function scanned(input: string, size: () => number = () => Infinity): number {
  const scanner = new ChunkScanner(400);
  const bytes = octetsOf(input);
  let at = 0;
  try {
    while (at < bytes.length && !scanner.done) {
      const piece = bytes.subarray(at, at + Math.max(1, size()));
      const count = scanner.scan(piece);
      if (!scanner.done) assert.equal(count, piece.length);
      at += count;
    }
  } catch (error) {
    if (error instanceof HttpFault) return -error.status;
    throw error;
  }
  if (!scanner.done) return NaN;
  assert.equal(scanner.scan(octetsOf("5\r\n")), 0, "nothing behind the end");
  return at;
}

const BODIES = [
  "0\r\n",
  "000\r\n",
  "0;a=b\r\n",
  "5\r\nhello\r\n0\r\n",
  // RFC 9112 7.1.1, in hex as it is sent
  "4\r\nWiki\r\n5\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\n",
  "a;name=value;other\r\n0123456789\r\n0;last\r\n",
  'A;q="x;y,\\"z"\r\n\r\n\r\n0\r\n\r\n0\r\n0\r\n',
  "00000000000000A\r\n0123456789\r\n0\r\n",
  `5;${"x".repeat(4000)}\r\nhello\r\n0\r\n`,
];

for (const body of BODIES) {
  const name = JSON.stringify(body.slice(0, 40));
  Deno.test(`ChunkScanner finds the end in every split: ${name}`, () => {
    const whole = `${body}\r\nGET / HTTP/1.1\r\n`;
    assert.equal(scanned(whole), body.length);
    assert.equal(scanned(whole, () => 1), body.length);
    if (body.length > 1000) return;
    for (let cut = 1; cut < whole.length; cut++) {
      let isFirst = true;
      const size = () => isFirst ? (isFirst = false, cut) : Infinity;
      assert.equal(scanned(whole, size), body.length, `${cut}`);
    }
    for (let length = 0; length < body.length; length++) {
      assert.ok(Number.isNaN(scanned(body.slice(0, length))), `${length}`);
    }
  });
}

const REFUSED = [
  "\r\n",
  "\n",
  "\r\n0\r\n",
  " 5\r\nhello\r\n0\r\n",
  "\t5\r\nhello\r\n",
  "5 \r\nhello\r\n",
  "5\t\r\nhello\r\n",
  "5\nhello\r\n",
  "5\rhello\r\n",
  "5\r\rhello",
  "5\r\n\nhello",
  "+5\r\nhello\r\n",
  "-5\r\nhello\r\n",
  "-0\r\n",
  "0x5\r\nhello\r\n",
  "0X5\r\nhello\r\n",
  "5h\r\nhello\r\n",
  "h\r\n",
  "g\r\n",
  "5.0\r\n",
  "5,5\r\n",
  "5_0\r\n",
  "5\u0000\r\n",
  "5\u000b\r\n",
  "5\u00a0\r\n",
  "\u00b25\r\n",
  '"5"\r\n',
  ";a=b\r\n",
  "5;\r\nhello\r\n",
  "5;\n",
  "2;\nxx\r\n",
  "5;a\nhello\r\n",
  "5;a\rb\r\nhello\r\n",
  "5;a=b;\r\nhello\r\n",
  "5 ;a=b\r\nhello\r\n",
  "5; a=b\r\nhello\r\n",
  "5;a\u0000\r\n",
  "5;a\u007f\r\n",
  "5;a\u0080\r\n",
  "5;a\tb\r\n",
  "0;\r\n",
  "0 \r\n",
  "0\n",
  "0\r\r\n",
  "5\r\nhello0\r\n",
  "5\r\nhello\n0\r\n",
  "5\r\nhello\r0\r\n",
  "5\r\nhello\r\r\n0\r\n",
  "5\r\nhello!\r\n0\r\n",
  "5\r\nhell\r\n0\r\n",
  "5\r\nhelloXX0\r\n",
  "0000000000000000\r\n",
  "0000000000000005\r\nhello\r\n",
  "20000000000000\r\n",
  "fffffffffffffff\r\n",
  "ffffffffffffffff\r\n",
  "10000000000000005\r\nhello\r\n",
  `5;${"x".repeat(4096)}\r\nhello\r\n`,
  `5;${"x".repeat(100_000)}`,
  "x".repeat(100),
  "GET / HTTP/1.1\r\n",
];

for (const body of REFUSED) {
  const name = JSON.stringify(body.slice(0, 40));
  Deno.test(`ChunkScanner refuses ${name}`, () => {
    assert.equal(scanned(body), -400);
    assert.equal(scanned(body, () => 1), -400);
  });
}

Deno.test("ChunkScanner counts chunks of any size it takes", () => {
  const scanner = new ChunkScanner(502);
  assert.equal(scanner.scan(octetsOf("1fffffffffffff\r\n")), 16);
  const piece = new Uint8Array(1 << 16);
  for (let i = 0; i < 100; i++) assert.equal(scanner.scan(piece), 1 << 16);
  assert.equal(scanner.done, false);
});

Deno.test("ChunkScanner shows the data without its framing, in every split", () => {
  const body = "3;a=b\r\n\r\n0\r\nA\r\n\r\n01234567\r\n0\r\n";
  for (let size = 1; size <= body.length; size++) {
    let data = "";
    const scanner = new ChunkScanner(400, (piece) => data += byteText(piece));
    for (let at = 0; at < body.length; at += size) {
      scanner.scan(octetsOf(body.slice(at, at + size)));
    }
    assert.equal(scanner.done, true);
    assert.equal(data, "\r\n0\r\n01234567");
  }
});

Deno.test("ChunkScanner finds the end of random bodies in random pieces", () => {
  const random = new SeededRandom(9112);
  for (let round = 0; round < 300; round++) {
    let body = "";
    for (let chunk = random.below(6); chunk > 0; chunk--) {
      const size = 1 + random.below(700);
      const digits = size.toString(16);
      const zeros = "0".repeat(random.below(5));
      const extension = random.pick(["", ";a", ";a=b;c", ';d="0"']);
      const data = random.pick(["x", "0\r\n\r\n", "\n", "5\r\n", "\u00ff"]);
      body += `${zeros}${random.pick([digits, digits.toUpperCase()])}`;
      body += `${extension}\r\n${data.repeat(size).slice(0, size)}\r\n`;
    }
    body += "0\r\n";
    const rest = random.pick(["", "\r\n", "5\r\nhello\r\n0\r\n"]);
    const size = () => 1 + random.below(40);
    assert.equal(scanned(body + rest, size), body.length);
  }
});

/** The same, by a pattern for the grammar; NaN when there is no whole body at the start. */
function byGrammar(input: string): number {
  const line = /([0-9a-fA-F]{1,15})(?:;[!-~]*[!-:<-~])?\r\n/y;
  for (;;) {
    const [, digits] = line.exec(input) ?? [];
    if (digits === undefined) return NaN;
    const size = parseInt(digits, 16);
    if (size === 0) return line.lastIndex;
    const end = line.lastIndex + size;
    if (input.slice(end, end + 2) !== "\r\n") return NaN;
    line.lastIndex = end + 2;
  }
}

Deno.test("ChunkScanner takes of noise what the grammar does", () => {
  const random = new SeededRandom(7);
  const alphabet = [...'00012aF;= "+', "\r", "\n", ...Array(8).fill("\r\n")];
  let bodies = 0;
  for (let round = 0; round < 30_000; round++) {
    let noise = "";
    const length = 1 + random.below(16);
    while (noise.length < length) noise += random.pick(alphabet);
    const expected = byGrammar(noise);
    const found = scanned(noise);
    if (expected > 0) bodies++;
    assert.deepEqual(found > 0 ? found : NaN, expected, JSON.stringify(noise));
  }
  assert.ok(bodies > 300, `${bodies}`);
});

/** What goes on the wire of this trailer section. */
async function trailers(input: string, limit = 1000, size = Infinity) {
  const reader = new LineReader(new MemoryStream(octetsOf(input), () => size));
  const bytes = await readTrailers(reader, limit, 502);
  return { text: byteText(bytes), left: byteText(await reader.peek(1e6)) };
}

for (const size of [1, 2, 3, Infinity]) {
  Deno.test(`readTrailers stops behind the empty line, in pieces of ${size}`, async () => {
    assert.deepEqual(await trailers("\r\nGET /", 1000, size), {
      text: "\r\n",
      left: "GET /",
    });
    assert.deepEqual(
      await trailers("X-Sum:  1 \r\nx-b: \u00ff\r\n\r\n\r\nrest", 1000, size),
      { text: "X-Sum: 1\r\nx-b: \u00ff\r\n\r\n", left: "\r\nrest" },
    );
  });
}

Deno.test("readTrailers drops what must not be in a trailer section", async () => {
  // RFC 9110 6.5.1
  const fields = [
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer_Encoding: chunked",
    "Host: other",
    "Authorization: x",
    "Set-Cookie: a=b",
    "Content-Type: text/html",
    "Content-Encoding: gzip",
    "Content-Range: bytes 0-1/2",
    "Trailer: x",
    "Cache-Control: no-store",
    "TE: trailers",
    "Connection: close",
    "Upgrade: x",
    "Forwarded: for=x",
    "X-Forwarded-For: x",
    "X-Kept: 1",
    "Location: /",
    "ETag: x",
  ];
  const { text } = await trailers(`${fields.join("\r\n")}\r\n\r\n`);
  assert.equal(text, "X-Kept: 1\r\nETag: x\r\n\r\n");
});

Deno.test("readTrailers refuses what is no trailer section", async () => {
  const cases = [
    "",
    "\r",
    "\n",
    "\rX",
    "X: y\r\n",
    "X: y\r\n\r",
    "X: y\n\r\n",
    "X: y\r\n\n",
    "X: y\r\n folded\r\n\r\n",
    "X : y\r\n\r\n",
    "X: \u0000\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    `X: ${"y".repeat(1000)}\r\n\r\n`,
    `X: ${"y".repeat(5000)}`,
  ];
  for (const input of cases) {
    await assert.rejects(
      trailers(input),
      (error) => error instanceof HttpFault && error.status === 502,
      JSON.stringify(input.slice(0, 40)),
    );
  }
});
