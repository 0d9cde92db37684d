/**
 * What is passed on must not be readable in two ways. Here it is read by servers that each get something
 * wrong, as servers do, and all of them must see the requests that the proxy saw.
 */
import assert from "node:assert/strict";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { LineReader } from "../../net/line_reader.ts";
import { byteText } from "../../sasl/text.ts";
import { ChunkScanner, readTrailers } from "./chunks.ts";
import { HttpFault } from "./fault.ts";
import { headForBackend } from "./forward.ts";
import { requestFraming } from "./framing.ts";
import { readHead } from "./head_reader.ts";
import { octetsOf } from "./octets.ts";
import { parseRequestHead } from "./request.ts";

interface Passed {
  /** The request lines that were passed on. */
  readonly requests: string[];
  /** All octets that were. */
  readonly wire: string;
  /** The status that ended the connection, if one did. */
  readonly refused: number | null;
}

/** What the proxy makes of a connection with these octets. */
async function passOn(input: string, size = () => Infinity): Promise<Passed> {
  const reader = new LineReader(new MemoryStream(octetsOf(input), size));
  const requests: string[] = [];
  let wire = "";
  try {
    for (let bytes; (bytes = await readHead(reader, 4000, "request"));) {
      const request = parseRequestHead(bytes);
      const framing = requestFraming(request);
      const how = { framing, trusted: false, client: null, expect: false };
      let passed = byteText(headForBackend(request, how));
      if (framing.kind === "length") {
        const body = await reader.readBytes(framing.length);
        if (body === null) throw new HttpFault(400, "the body does not end");
        passed += byteText(body);
      } else if (framing.kind === "chunked") {
        passed += await chunkedBody(reader);
      }
      requests.push(`${request.method} ${request.target}`);
      wire += passed;
    }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error;
    return { requests, wire, refused: error.status };
  }
  return { requests, wire, refused: null };
}

async function chunkedBody(reader: LineReader): Promise<string> {
  const scanner = new ChunkScanner(400);
  let body = "";
  while (!scanner.done) {
    const waiting = await reader.waiting(512);
    if (waiting === null) throw new HttpFault(400, "the body does not end");
    const count = scanner.scan(waiting);
    body += byteText(waiting.subarray(0, count));
    reader.skip(count);
  }
  return body + byteText(await readTrailers(reader, 1000, 400));
}

/** What a server gets wrong. */
interface Errors {
  readonly lineEnd: RegExp;
  readonly name: (name: string) => string;
  /** Which Content-Length it takes, of several. */
  readonly length: "first" | "last" | "before Transfer-Encoding";
  readonly isChunked: (coding: string) => boolean;
  readonly size: (line: string) => number;
}

const SERVERS: Errors[] = [];
for (const lineEnd of [/\r\n/g, /\r?\n/g, /\r\n|\r|\n/g]) {
  for (
    const name of [
      (name: string) => name.toLowerCase(),
      (name: string) => name.trim().toLowerCase().replaceAll("_", "-"),
      (name: string) => name.toLowerCase().replaceAll(/[^a-z]/g, "-"),
    ]
  ) {
    for (
      const length of ["first", "last", "before Transfer-Encoding"] as const
    ) {
      for (
        const isChunked of [
          (coding: string) => coding.toLowerCase() === "chunked",
          (coding: string) => /chunked/i.test(coding),
          (coding: string) => /^\W*chunked/i.test(coding),
          (coding: string) => coding !== "",
        ]
      ) {
        for (
          const size of [
            (line: string) => parseInt(line, 16),
            (line: string) => Number(`0x${line.replace(/;.*/, "").trim()}`),
            (line: string) =>
              parseInt(line.replaceAll(/[^0-9a-f]*;.*/gi, ""), 16),
          ]
        ) SERVERS.push({ lineEnd, name, length, isChunked, size });
      }
    }
  }
}

/** The request lines that such a server sees, with "?" behind them where it fails. */
function seenBy(server: Errors, wire: string): string[] {
  const seen: string[] = [];
  let at = 0;
  const line = (): string => {
    server.lineEnd.lastIndex = at;
    const end = server.lineEnd.exec(wire);
    const text = end === null ? "?" : wire.slice(at, end.index);
    at = end === null ? wire.length : server.lineEnd.lastIndex;
    return text;
  };
  while (at < wire.length) {
    seen.push(line().replace(/ HTTP\/1\.1$/, ""));
    const lengths: string[] = [];
    let coding = "";
    for (let text; (text = line()) !== "";) {
      if (text === "?") return [...seen, "?"];
      const [name = "", ...value] = text.split(":");
      const is = server.name(name);
      if (is === "content-length") lengths.push(value.join(":").trim());
      if (is === "transfer-encoding") coding += value.join(":").trim();
    }
    const length = server.length === "last" ? lengths.at(-1) : lengths[0];
    const isLength = length !== undefined &&
      (server.length === "before Transfer-Encoding" || coding === "");
    if (isLength) {
      at += parseInt(length);
    } else if (server.isChunked(coding)) {
      for (let size; (size = server.size(line())) !== 0;) {
        if (Number.isNaN(size)) return [...seen, "?"];
        at += size;
        if (line() !== "") return [...seen, "?"];
      }
      for (let text; (text = line()) !== "";) {
        if (text === "?") return [...seen, "?"];
      }
    }
    if (at > wire.length) return [...seen, "?"];
  }
  return seen;
}

/** The servers see what was passed on; the case is shown where one does not. */
function assertAllSee(
  passed: Passed,
  input: string,
  servers: readonly Errors[] = SERVERS,
): void {
  for (const server of servers) {
    const seen = seenBy(server, passed.wire);
    if (seen.join() !== passed.requests.join()) {
      assert.deepEqual(
        seen,
        passed.requests,
        `${JSON.stringify(input)} by ${server.lineEnd} ${server.name} ` +
          `${server.length} ${server.isChunked} ${server.size}`,
      );
    }
  }
}

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
/** A body that ends early where it is read as chunked. */
const CHUNKED_BODY = `0\r\n\r\n${SMUGGLED}`;

const post = (fields: string, body: string) =>
  `POST /first HTTP/1.1\r\nHost: h\r\n${fields}\r\n\r\n${body}`;

/** Fields of the public cases, all of them refused. */
const REFUSED = [
  // CL.TE and TE.CL
  `Content-Length: ${CHUNKED_BODY.length}\r\nTransfer-Encoding: chunked`,
  "Transfer-Encoding: chunked\r\nContent-Length: 5",
  "Transfer-Encoding: chunked\r\nContent-Length: 0",
  // TE.TE: one of two does not see it
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
  "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
  "Transfer-Encoding: chunked\r\nTransfer-encoding: chunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: chunked, cow",
  "Transfer-Encoding: cow, chunked",
  "Transfer-Encoding: identity",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  "Transfer-Encoding\u000b: chunked",
  "Transfer-Encoding\u00a0: chunked",
  "Transfer-Encoding:\u000bchunked",
  "Transfer-Encoding:\u000cchunked",
  "Transfer-Encoding: \u00a0chunked",
  "Transfer-Encoding: chunked\u000b",
  "Transfer-Encoding: chunked\u0000",
  "Transfer-Encoding: \u0000chunked",
  "Transfer-Encoding: chunked\u0085",
  "Transfer-Encoding: chunked\u00a0",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  "Transfer-Encoding: chunked;q=1",
  "Transfer-Encoding: chunked,",
  "Transfer-Encoding: ,chunked",
  "Transfer-Encoding: chun\u0000ked",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding:\r\n\tchunked",
  "Transfer-Encoding\r\n: chunked",
  "Transfer\r\n-Encoding: chunked",
  " Transfer-Encoding: chunked",
  "X: y\r\n Transfer-Encoding: chunked",
  "X: y\nTransfer-Encoding: chunked",
  "X: y\rTransfer-Encoding: chunked",
  "X: y\r\r\nTransfer-Encoding: chunked",
  "X: y\u0000\r\nTransfer-Encoding: chunked",
  "X: y\r\n\rTransfer-Encoding: chunked",
  "X: y\r\n\nTransfer-Encoding: chunked",
  ": y\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding chunked",
  "Transfer-Encoding: chunked\r\nContent-Length : 5",
  // Lengths
  "Content-Length: 5\r\nContent-Length: 6",
  "Content-Length: 0\r\ncontent-length: 44",
  "Content-Length: 5, 6",
  "Content-Length: +5",
  "Content-Length: -0",
  "Content-Length: -5",
  "Content-Length: 0x5",
  "Content-Length: 5 5",
  "Content-Length: 1e1",
  "Content-Length: 5.0",
  "Content-Length:",
  "Content-Length: ",
  "Content-Length: \u000b5",
  "Content-Length: 5\u0000",
  "Content-Length: 9007199254740993",
  "Content-Length: 18446744073709551621",
  "Content-Length : 5",
  "Content-Length\t: 5",
  "Content-Length:\r\n 5",
  "X: y\nContent-Length: 5",
  "X: y\rContent-Length: 5",
  "Content-Length: 5\nX: y",
  // Hosts
  "Host: other",
  "host: h",
  "Host : other",
];

for (const fields of REFUSED) {
  Deno.test(`nothing is passed on of ${JSON.stringify(fields)}`, async () => {
    for (const size of [() => 1, () => Infinity]) {
      const passed = await passOn(post(fields, CHUNKED_BODY), size);
      assert.equal(passed.wire, "");
      assert.ok(passed.refused === 400 || passed.refused === 501);
    }
  });
}

/** Fields that look like the above, and are passed on or dropped so that nobody errs. */
const HARMLESS = [
  "Transfer-Encoding: chunked",
  "tRANSFER-eNCODING: CHUNKED",
  "Transfer-Encoding:chunked",
  "Transfer-Encoding:\tchunked\t ",
  "Transfer-Encoding: chunked\r\nConnection: transfer-encoding, host",
  "Transfer_Encoding: chunked",
  "Transfer.Encoding: chunked",
  "Content_Length: 5",
  "X-Transfer-Encoding: chunked",
  "Transfer-Encodin: chunked",
  `Content-Length: ${CHUNKED_BODY.length}`,
  `Content-Length: ${CHUNKED_BODY.length}, ${CHUNKED_BODY.length}`,
  `Content-Length: 000${CHUNKED_BODY.length}`,
  `Content-Length: ${CHUNKED_BODY.length}\r\nContent_Length: 0`,
  `Content_Length: 0\r\nContent-Length: ${CHUNKED_BODY.length}`,
  `Content-Length: ${CHUNKED_BODY.length}\r\nTransfer_Encoding: chunked`,
  `Content-Length: ${CHUNKED_BODY.length}\r\nConnection: content-length`,
  "Connection: content-length\r\nContent-Length: 0",
  "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA",
  "Upgrade: websocket\r\nConnection: Upgrade",
];

for (const fields of HARMLESS) {
  Deno.test(`everybody reads ${JSON.stringify(fields)} as the proxy does`, async () => {
    const input = post(fields, CHUNKED_BODY);
    const passed = await passOn(input);
    assert.equal(passed.requests[0], "POST /first");
    assertAllSee(passed, input);
    assert.deepEqual(await passOn(input, () => 1), passed);
  });
}

/** Bodies with Transfer-Encoding: chunked that end before the second request, for some. */
const REFUSED_BODIES = [
  `5\nhello\r\n0\r\n\r\n${SMUGGLED}`,
  `5\r\nhello\n0\r\n\r\n${SMUGGLED}`,
  `5;\nhello\r\n0\r\n\r\n${SMUGGLED}`,
  `2;\nxx\r\n4c\r\n0\r\n\r\n${SMUGGLED}`,
  `5;a\rb\r\nhello\r\n0\r\n\r\n${SMUGGLED}`,
  `5\rhello\r\n0\r\n\r\n${SMUGGLED}`,
  `0\n\n${SMUGGLED}`,
  `0\r\n\n${SMUGGLED}`,
  `0\r\n\r${SMUGGLED}`,
  `0\r\rX${SMUGGLED}`,
  `0x0\r\n\r\n${SMUGGLED}`,
  `+0\r\n\r\n${SMUGGLED}`,
  `-0\r\n\r\n${SMUGGLED}`,
  ` 0\r\n\r\n${SMUGGLED}`,
  `0 \r\n\r\n${SMUGGLED}`,
  `0_0\r\n\r\n${SMUGGLED}`,
  `\r\n0\r\n\r\n${SMUGGLED}`,
  `;\r\n${SMUGGLED}`,
  `10000000000000000\r\n\r\n${SMUGGLED}`,
  `100000000\u00000\r\n\r\n${SMUGGLED}`,
  `5\r\nhelloXX0\r\n\r\n${SMUGGLED}`,
  `5\r\nhello0\r\n\r\n${SMUGGLED}`,
  `0\r\nX: y\n\r\n${SMUGGLED}`,
  `0\r\nX: y\r\n z\r\n\r\n${SMUGGLED}`,
  `0\r\nContent-Length : 5\r\n\r\n${SMUGGLED}`,
  `0\r\n${SMUGGLED}`,
];

for (const body of REFUSED_BODIES) {
  Deno.test(`no chunked body is ${JSON.stringify(body.slice(0, 30))}`, async () => {
    for (const size of [() => 1, () => Infinity]) {
      const input = post("Transfer-Encoding: chunked", body);
      const passed = await passOn(input, size);
      assert.equal(passed.wire, "");
      assert.equal(passed.refused, 400);
    }
  });
}

Deno.test("whatever random connections say, everybody reads what is passed on as the proxy does", async () => {
  const random = new SeededRandom(9112);
  const spice = (text: string): string => {
    if (random.below(8) > 0) return text;
    if (random.below(2) > 0) {
      const end = random.pick(["\n", "\r", "\r\r\n", " \r\n", "\r\n "]);
      return text.replace("\r\n", end);
    }
    const at = random.below(text.length + 1);
    const odd = random.pick([..."\r\n\0 \t_\u00a0;,"]);
    return text.slice(0, at) + odd + text.slice(at + random.below(2));
  };
  const field = () =>
    random.pick([
      () => `Content-Length: ${random.below(60)}`,
      () => `Content-Length: ${random.pick(["5, 5", "05", "5", "0"])}`,
      () => "Transfer-Encoding: chunked",
      () => random.pick(["Transfer_Encoding: chunked", "content_length: 7"]),
      () => `Connection: ${random.pick(["host", "content-length", "close"])}`,
      () => `X: ${random.pick(["y", "\u00ff", "", "a: b"])}`,
      () => "Upgrade: h2c",
    ])();
  let passedOn = 0;
  for (let round = 0; round < 2500; round++) {
    let input = "";
    for (let requests = 1 + random.below(3); requests > 0; requests--) {
      const lines = [`POST /${requests} HTTP/1.1`, "Host: h"];
      for (let fields = random.below(3); fields > 0; fields--) {
        lines.push(field());
      }
      input += lines.map(spice).join(spice("\r\n")) + spice("\r\n\r\n");
      input += spice(random.pick([
        "",
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "hello",
        SMUGGLED,
        CHUNKED_BODY,
      ]));
    }
    const passed = await passOn(input);
    passedOn += passed.requests.length;
    const some = Array.from({ length: 10 }, () => random.pick(SERVERS));
    assertAllSee(passed, input, some);
    const size = () => 1 + random.below(20);
    assert.deepEqual(await passOn(input, size), passed, JSON.stringify(input));
  }
  assert.ok(passedOn > 1000, `${passedOn}`);
});
