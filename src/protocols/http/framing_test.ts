import assert from "node:assert/strict";
import { HttpFault } from "./fault.ts";
import { requestFraming, responseFraming, staysOpen } from "./framing.ts";
import { octetsOf } from "./octets.ts";
import { parseRequestHead } from "./request.ts";
import { parseResponseHead } from "./response.ts";

const requestWith = (...fields: string[]) =>
  parseRequestHead(
    octetsOf(
      ["POST / HTTP/1.1", "Host: h", ...fields, "", ""].join("\r\n"),
    ),
  );

const responseWith = (line: string, ...fields: string[]) =>
  parseResponseHead(octetsOf([line, ...fields, "", ""].join("\r\n")));

/** The framing, or the status of the fault. */
function outcome(frame: () => unknown): unknown {
  try {
    return frame();
  } catch (error) {
    if (error instanceof HttpFault) return error.status;
    throw error;
  }
}

const length = (length: number) => ({ kind: "length", length });
const none = { kind: "none" };
const chunked = { kind: "chunked" };
const close = { kind: "close" };

Deno.test("requestFraming: Content-Length", () => {
  const cases: [fields: string[], expected: unknown][] = [
    [[], none],
    [["Content-Length: 0"], length(0)],
    [["content-LENGTH: \t5\t "], length(5)],
    [["Content-Length: 0005"], length(5)],
    [["Content-Length: 9007199254740991"], length(2 ** 53 - 1)],
    [["Content-Length: 9007199254740992"], 400],
    [["Content-Length: 18446744073709551621"], 400],
    [["Content-Length: 00000000000000005"], 400],
    [["Content-Length: 5, 5"], length(5)],
    [["Content-Length: 5", "Content-Length: 5"], length(5)],
    [["Content-Length: 5, 6"], 400],
    [["Content-Length: 5", "Content-Length: 6"], 400],
    [["Content-Length: 6", "Content-Length: 5, 6"], 400],
    [["Content-Length: 5", "Content-Length:"], 400],
    ...[
      "",
      ",",
      "5,",
      ",5",
      "+5",
      "-0",
      "-5",
      "0x5",
      "5 5",
      "5\t5",
      "1e1",
      "5.0",
      "5;",
      "5a",
      '"5"',
      "0b1",
      "1_0",
      "\u00b25",
      "\u00a05",
      "Infinity",
      "NaN",
      "five",
    ].map((value): [string[], unknown] => [[`Content-Length: ${value}`], 400]),
  ];
  for (const [fields, expected] of cases) {
    const found = outcome(() => requestFraming(requestWith(...fields)));
    assert.deepEqual(found, expected, fields.join(" | "));
  }
});

Deno.test("requestFraming: Transfer-Encoding is chunked, or the request goes nowhere", () => {
  const cases: [value: string, expected: unknown][] = [
    ["chunked", chunked],
    ["ChUnKeD", chunked],
    [" chunked", chunked],
    ["\tchunked \t", chunked],
    ["xchunked", 501],
    ["chunkedx", 501],
    ["identity", 501],
    ["gzip", 501],
    ["gzip, chunked", 501],
    ["x\r\nTransfer-Encoding: chunked", 501],
    ["chunked, identity", 400],
    ["chunked, chunked", 400],
    ["chunked\r\nTransfer-Encoding: x", 400],
    ["chunked\r\nTransfer-Encoding: chunked", 400],
    ["chunked\r\ntransfer-encoding: identity", 400],
    ["", 400],
    [",", 400],
    [",chunked", 400],
    ["chunked,", 400],
    ['"chunked"', 400],
    ["'chunked'", 501],
    ["chunked;q=1", 400],
    ["chunked ;", 400],
    ["chun ked", 400],
    ["chunked chunked", 400],
    ["chunked\u0085", 400],
    ["chunked\u00a0", 400],
    ["\u00ffchunked", 400],
    ["[chunked]", 400],
    ["chunked\r\nX: y\r\nTransfer-Encoding:", 400],
  ];
  for (const [value, expected] of cases) {
    const found = outcome(() =>
      requestFraming(requestWith(`Transfer-Encoding: ${value}`))
    );
    assert.deepEqual(found, expected, JSON.stringify(value));
  }
});

Deno.test("requestFraming refuses both, in either order and whatever they say", () => {
  for (const coding of ["chunked", "x", "identity", ""]) {
    for (const size of ["0", "5", "x"]) {
      const fields = [
        `Transfer-Encoding: ${coding}`,
        `Content-Length: ${size}`,
      ];
      for (const order of [fields, fields.toReversed()]) {
        const found = outcome(() => requestFraming(requestWith(...order)));
        assert.equal(found, 400, order.join(" | "));
      }
    }
  }
});

Deno.test("responseFraming", () => {
  const ok = "HTTP/1.1 200 OK";
  const cases: [
    method: string,
    line: string,
    fields: string[],
    expected: unknown,
  ][] = [
    ["GET", ok, [], close],
    ["GET", ok, ["Content-Length: 5"], length(5)],
    ["GET", ok, ["Content-Length: 5, 5"], length(5)],
    ["GET", ok, ["Transfer-Encoding: Chunked"], chunked],
    ["GET", ok, ["Content-Length: 5", "Content-Length: 6"], 502],
    ["GET", ok, ["Content-Length: +5"], 502],
    ["GET", ok, ["Content-Length: 5", "Transfer-Encoding: chunked"], 502],
    ["GET", ok, ["Transfer-Encoding: gzip, chunked"], 502],
    ["GET", ok, ["Transfer-Encoding: chunked, gzip"], 502],
    ["GET", ok, ["Transfer-Encoding: identity"], 502],
    ["GET", "HTTP/1.0 200 OK", [], close],
    ["GET", "HTTP/1.0 200 OK", ["Content-Length: 5"], length(5)],
    ["GET", "HTTP/1.0 200 OK", ["Transfer-Encoding: chunked"], 502],
    ["HEAD", ok, ["Content-Length: 5"], none],
    ["HEAD", ok, ["Transfer-Encoding: chunked"], none],
    ["HEAD", ok, [], none],
    ["HEAD", ok, ["Content-Length: 5x"], 502],
    ["head", ok, ["Content-Length: 5"], length(5)],
    ["GET", "HTTP/1.1 304 Not Modified", ["Content-Length: 5"], none],
    ["GET", "HTTP/1.1 204 No Content", [], none],
    ["GET", "HTTP/1.1 204 No Content", ["Content-Length: 5"], none],
    ["GET", "HTTP/1.1 100 Continue", [], none],
    ["GET", "HTTP/1.1 101 Switching Protocols", ["Content-Length: 5"], none],
    ["GET", "HTTP/1.1 103 Early Hints", [], none],
    ["GET", "HTTP/1.1 205 Reset Content", ["Content-Length: 0"], length(0)],
    ["POST", "HTTP/1.1 500 No", ["Content-Length: 0"], length(0)],
  ];
  for (const [method, line, fields, expected] of cases) {
    const found = outcome(() =>
      responseFraming(responseWith(line, ...fields), method)
    );
    assert.deepEqual(found, expected, [method, line, ...fields].join(" | "));
  }
});

Deno.test("staysOpen", () => {
  const request = (...fields: string[]) => staysOpen(requestWith(...fields));
  assert.equal(request(), true);
  assert.equal(request("Connection: keep-alive"), true);
  assert.equal(request("Connection: Close"), false);
  assert.equal(request("Connection: x, close"), false);
  assert.equal(request("Connection: x", "connection: CLOSE ,y"), false);
  assert.equal(request("Connection: closed"), true);
  const response = (minor: 0 | 1, ...fields: string[]) =>
    staysOpen(responseWith(`HTTP/1.${minor} 200 OK`, ...fields));
  assert.equal(response(1), true);
  assert.equal(response(1, "Connection: close"), false);
  assert.equal(response(0), false);
  assert.equal(response(0, "Connection: Keep-Alive"), true);
  assert.equal(response(0, "Connection: keep-alive, close"), false);
});
