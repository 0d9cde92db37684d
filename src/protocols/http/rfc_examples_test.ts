/** What the documents give as examples, as it comes out on the other side. */
import assert from "node:assert/strict";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { LineReader } from "../../net/line_reader.ts";
import { byteText } from "../../sasl/text.ts";
import { ChunkScanner, readTrailers } from "./chunks.ts";
import { HttpFault } from "./fault.ts";
import { headForBackend, headForClient } from "./forward.ts";
import { requestFraming, responseFraming } from "./framing.ts";
import { octetsOf } from "./octets.ts";
import { parseRequestHead } from "./request.ts";
import { parseResponseHead } from "./response.ts";

const wire = (lines: readonly string[]) =>
  octetsOf(`${lines.join("\r\n")}\r\n\r\n`);

const linesOf = (head: Uint8Array) => byteText(head).split("\r\n").slice(0, -2);

/** The head that a backend gets of this one, which says what is awaited of its body. */
function passedOn(...lines: string[]): string[] {
  const request = parseRequestHead(wire(lines));
  return linesOf(headForBackend(request, {
    framing: requestFraming(request),
    trusted: true,
    client: null,
    expect: true,
  }));
}

const faultWith = (status: number) => (error: unknown) =>
  error instanceof HttpFault && error.status === status;

Deno.test("RFC 9110 3.9: a request and its response go on as they are", () => {
  const request = [
    "GET /hello.txt HTTP/1.1",
    "User-Agent: curl/7.64.1",
    "Host: www.example.com",
    "Accept-Language: en, mi",
  ];
  assert.deepEqual(passedOn(...request), request);
  const lines = [
    "HTTP/1.1 200 OK",
    "Date: Mon, 27 Jul 2009 12:28:53 GMT",
    "Server: Apache",
    "Last-Modified: Wed, 22 Jul 2009 19:15:56 GMT",
    'ETag: "34aa387-d-1568eb00"',
    "Accept-Ranges: bytes",
    "Content-Length: 51",
    "Vary: Accept-Encoding",
    "Content-Type: text/plain",
  ];
  const response = parseResponseHead(wire(lines));
  const framing = responseFraming(response, "GET");
  assert.deepEqual(framing, { kind: "length", length: 51 });
  assert.deepEqual(
    linesOf(headForClient(response, { framing, close: false })),
    lines,
  );
});

Deno.test("RFC 9112 3.2: the four forms of a target", () => {
  const host = "Host: www.example.org";
  assert.deepEqual(passedOn("GET /where?q=now HTTP/1.1", host), [
    "GET /where?q=now HTTP/1.1",
    host,
  ]);
  assert.deepEqual(
    passedOn(
      "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1",
      host,
    ),
    ["GET /pub/WWW/TheProject.html HTTP/1.1", host],
  );
  assert.throws(
    () =>
      passedOn("CONNECT www.example.com:80 HTTP/1.1", "Host: www.example.com"),
    faultWith(405),
  );
  assert.deepEqual(passedOn("OPTIONS * HTTP/1.1", host), [
    "OPTIONS * HTTP/1.1",
    host,
  ]);
  assert.deepEqual(
    passedOn(
      "OPTIONS http://www.example.org:8001 HTTP/1.1",
      "Host: www.example.org:8001",
    ),
    ["OPTIONS * HTTP/1.1", "Host: www.example.org:8001"],
  );
});

Deno.test("RFC 9112 5.1: no white space between a name and its colon", () => {
  const request = ["GET / HTTP/1.1", "Host: h", "Name : value"];
  assert.throws(() => passedOn(...request), faultWith(400));
});

Deno.test("RFC 9112 5.2: a folded line", () => {
  const folded = ["Content-Type: message/http;", "   msgtype=request"];
  assert.throws(
    () => passedOn("GET / HTTP/1.1", "Host: h", ...folded),
    faultWith(400),
  );
  assert.throws(
    () => parseResponseHead(wire(["HTTP/1.1 200 OK", ...folded])),
    faultWith(502),
  );
});

Deno.test("RFC 9112 6.1: a list of codings is more than this proxy knows", () => {
  const coding = "Transfer-Encoding: gzip, chunked";
  assert.throws(
    () => passedOn("POST / HTTP/1.1", "Host: h", coding),
    faultWith(501),
  );
});

Deno.test("RFC 9112 7.4: of TE only trailers goes on", () => {
  const te = (value: string) =>
    passedOn("GET / HTTP/1.1", "Host: h", "Connection: TE", `TE: ${value}`)
      .slice(2);
  assert.deepEqual(te("deflate"), []);
  assert.deepEqual(te(""), []);
  assert.deepEqual(te("trailers, deflate;q=0.5"), [
    "connection: te",
    "te: trailers",
  ]);
});

Deno.test("RFC 9112 7.1.2: a chunked body with its trailer section", async () => {
  const body = "7\r\nMozilla\r\n11;ext=1\r\nDeveloper Network\r\n0\r\n";
  const trailers = 'Expires: x\r\nDigest: sha-256="a"\r\n\r\n';
  const scanner = new ChunkScanner(400);
  assert.equal(scanner.scan(octetsOf(body + trailers)), body.length);
  const reader = new LineReader(new MemoryStream(octetsOf(trailers)));
  assert.equal(
    byteText(await readTrailers(reader, 1000, 400)),
    'Digest: sha-256="a"\r\n\r\n',
  );
});

Deno.test("RFC 9110 7.6.1: what Connection names goes no further", () => {
  assert.deepEqual(
    passedOn(
      "GET / HTTP/1.1",
      "Host: h",
      "Connection: close, Foo",
      "foo: bar",
      "Foo-Bar: kept",
    ),
    ["GET / HTTP/1.1", "Host: h", "Foo-Bar: kept"],
  );
});

Deno.test("RFC 9110 7.8: of the protocols offered only WebSocket goes on", () => {
  assert.deepEqual(
    passedOn(
      "GET /hello HTTP/1.1",
      "Host: www.example.com",
      "Connection: upgrade",
      "Upgrade: websocket, IRC/6.9, RTA/x11",
    ),
    [
      "GET /hello HTTP/1.1",
      "Host: www.example.com",
      "connection: upgrade",
      "upgrade: websocket",
    ],
  );
});

Deno.test("RFC 9110 10.1.1: a client that waits for 100", () => {
  const request = [
    "PUT /somewhere/fun HTTP/1.1",
    "Host: origin.example.com",
    "Content-Type: video/h264",
    "Content-Length: 1234567890987",
    "Expect: 100-continue",
  ];
  assert.deepEqual(passedOn(...request), request);
});

Deno.test("RFC 6455 1.2: the opening handshake of a WebSocket", () => {
  const own = [
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Origin: http://example.com",
    "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Version: 13",
  ];
  const start = ["GET /chat HTTP/1.1", "Host: server.example.com"];
  assert.deepEqual(
    passedOn(...start, "Upgrade: websocket", "Connection: Upgrade", ...own),
    [...start, ...own, "connection: upgrade", "upgrade: websocket"],
  );
  const response = parseResponseHead(wire([
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  ]));
  const framing = responseFraming(response, "GET");
  assert.deepEqual(
    linesOf(headForClient(response, { framing, close: false })),
    [
      "HTTP/1.1 101 Switching Protocols",
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
      "connection: upgrade",
      "upgrade: websocket",
    ],
  );
});
