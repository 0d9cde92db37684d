import assert from "node:assert/strict";
import {
  headForBackend,
  headForClient,
  type TowardsBackend,
  type TowardsClient,
} from "./forward.ts";
import { requestFraming, responseFraming } from "./framing.ts";
import { octetsOf } from "./octets.ts";
import { parseRequestHead } from "./request.ts";
import { parseResponseHead } from "./response.ts";
import { byteText } from "../../sasl/text.ts";

/** What a backend gets of a request with these fields, between the request line and the empty line. */
function forBackend(
  fields: readonly string[],
  how: Partial<TowardsBackend> = {},
  line = "GET /a HTTP/1.1",
): string[] {
  const request = parseRequestHead(
    octetsOf([line, "Host: h", ...fields, "", ""].join("\r\n")),
  );
  const bytes = headForBackend(request, {
    framing: requestFraming(request),
    trusted: false,
    client: null,
    expect: false,
    ...how,
  });
  const lines = byteText(bytes).split("\r\n");
  assert.deepEqual(lines.splice(-2), ["", ""]);
  assert.deepEqual(lines.splice(0, 2), [line, "Host: h"]);
  return lines;
}

/** What a client gets of this response, the status line included. */
function forClient(
  lines: readonly string[],
  how: Partial<TowardsClient> = {},
  method = "GET",
): string[] {
  const response = parseResponseHead(
    octetsOf([...lines, "", ""].join("\r\n")),
  );
  const bytes = headForClient(response, {
    framing: responseFraming(response, method),
    close: false,
    ...how,
  });
  const out = byteText(bytes).split("\r\n");
  assert.deepEqual(out.splice(-2), ["", ""]);
  return out;
}

Deno.test("headForBackend keeps order and spelling, and drops what is between neighbours", () => {
  const kept = [
    "X-A: 1",
    "x-a: 2",
    "AUTHORIZATION: Basic YQ==",
    "Content-Length: 5",
    "X-High: \u00ff\u0080",
    "Trailer: X-Sum",
    "cookie: a=b",
  ];
  const dropped = [
    "Connection: keep-alive, X-Private, close",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic YQ==",
    "x-private: 1",
    "X-PRIVATE: 2",
    "Upgrade: h2c",
    "HTTP2-Settings: AA",
    "TE: gzip",
    "Expect: 100-continue",
  ];
  for (const each of [[...dropped, ...kept], [...kept, ...dropped]]) {
    assert.deepEqual(forBackend(each), kept);
  }
});

Deno.test("headForBackend: Connection cannot take away what every request has", () => {
  const fields = ["Connection: host, content-length", "Content-Length: 5"];
  assert.deepEqual(forBackend(fields), ["Content-Length: 5"]);
  assert.deepEqual(
    forBackend(["Transfer-Encoding: chunked", "Connection: Transfer-Encoding"]),
    ["Transfer-Encoding: chunked"],
  );
});

Deno.test("headForBackend writes one framing, whatever was sent", () => {
  assert.deepEqual(
    forBackend(["Content-Length: 007, 7", "X: y", "content-length: 7"]),
    ["Content-Length: 7", "X: y"],
  );
  assert.deepEqual(
    forBackend(["transfer-encoding: CHUNKED"]),
    ["transfer-encoding: chunked"],
  );
  assert.deepEqual(
    forBackend(["Content_Length: 5", "Transfer_Encoding: chunked"]),
    [],
  );
  assert.deepEqual(
    forBackend(["Content_Length: 9", "Content-Length: 5"]),
    ["Content-Length: 5"],
  );
  assert.deepEqual(
    forBackend([], { framing: { kind: "chunked" } }),
    ["transfer-encoding: chunked"],
  );
});

Deno.test("headForBackend: expectations, trailers and WebSockets are asked for anew", () => {
  assert.deepEqual(
    forBackend(["Expect: 100-continue"], { expect: true }),
    ["Expect: 100-continue"],
  );
  assert.deepEqual(
    forBackend(["TE: gzip;q=0.5, Trailers", "Connection: TE"]),
    ["connection: te", "te: trailers"],
  );
  assert.deepEqual(
    forBackend([
      "Upgrade: h2c, websocket",
      "Connection: keep-alive, Upgrade",
      "Sec-WebSocket-Key: x",
    ]),
    ["Sec-WebSocket-Key: x", "connection: upgrade", "upgrade: websocket"],
  );
});

const claims = [
  "Forwarded: for=192.0.2.43, for=198.51.100.17",
  "X-Forwarded-For: 192.0.2.43",
  "X-Forwarded-Host: h",
  "X-Forwarded-Proto: https",
  "X-Real-IP: 192.0.2.43",
];

Deno.test("headForBackend strips what a client claims of its way, in every spelling", () => {
  const odd = ["forwarded: for=x", "X_Forwarded_For: 1", "x-real_ip: 1"];
  assert.deepEqual(forBackend([...claims, ...odd, "X: y"]), ["X: y"]);
  assert.deepEqual(forBackend([...claims, "X: y"], { client: "192.0.2.1" }), [
    "X: y",
    "forwarded: for=192.0.2.1",
    "x-forwarded-for: 192.0.2.1",
  ]);
});

Deno.test("headForBackend appends to what a trusted one claims", () => {
  assert.deepEqual(forBackend(claims, { trusted: true }), claims);
  // RFC 7239 6, 7.1
  assert.deepEqual(
    forBackend([...claims, "x-forwarded-for: 10.0.0.1, 10.0.0.2", "X: y"], {
      trusted: true,
      client: "2001:db8:cafe::17",
    }),
    [
      "X-Forwarded-Host: h",
      "X-Forwarded-Proto: https",
      "X-Real-IP: 192.0.2.43",
      "X: y",
      'forwarded: for=192.0.2.43, for=198.51.100.17, for="[2001:db8:cafe::17]"',
      "x-forwarded-for: 192.0.2.43, 10.0.0.1, 10.0.0.2, 2001:db8:cafe::17",
    ],
  );
});

Deno.test("headForBackend believes no trusted one what only looks like its word", () => {
  const odd = ["X_Forwarded_For: 1", "X-Forwarded.For: 1", "X_Real_IP: 1"];
  const real = "X-Forwarded-For: 192.0.2.43";
  assert.deepEqual(forBackend([...odd, real], { trusted: true }), [real]);
  assert.deepEqual(
    forBackend([real, ...odd], { trusted: true, client: "192.0.2.1" }),
    [
      "forwarded: for=192.0.2.1",
      "x-forwarded-for: 192.0.2.43, 192.0.2.1",
    ],
  );
});

Deno.test("headForBackend appends to no quoted string that does not end", () => {
  const forwarded = (value: string) =>
    forBackend([`Forwarded: ${value}`], { trusted: true, client: "192.0.2.1" })
      .find((line) => line.startsWith("forwarded:"));
  // RFC 7239 4
  for (
    const value of [
      'for="_gazonk"',
      'For="[2001:db8:cafe::17]:4711"',
      "for=192.0.2.60;proto=http;by=203.0.113.43",
      "for=192.0.2.43, for=198.51.100.17",
      'for="a\\"b"',
    ]
  ) assert.equal(forwarded(value), `forwarded: ${value}, for=192.0.2.1`);
  for (const value of ["", 'for="a', 'for="a\\"', '"a" "']) {
    assert.equal(forwarded(value), "forwarded: for=192.0.2.1");
  }
});

Deno.test("headForClient speaks HTTP/1.1 and keeps what is the response's own", () => {
  assert.deepEqual(
    forClient([
      "HTTP/1.0 200 Fine \u00e9",
      "Date: x",
      "Server: y",
      "Set-Cookie: a=b",
      "Set-Cookie: c=d",
      "Connection: Keep-Alive, X-Private",
      "Keep-Alive: timeout=5",
      "X-Private: 1",
      "Proxy-Authenticate: Basic",
      "Upgrade: h2c",
      "X-Forwarded-For: z",
      "Content-Length: 5, 5",
    ]),
    [
      "HTTP/1.1 200 Fine \u00e9",
      "Date: x",
      "Server: y",
      "Set-Cookie: a=b",
      "Set-Cookie: c=d",
      "X-Forwarded-For: z",
      "Content-Length: 5",
    ],
  );
  assert.deepEqual(forClient(["HTTP/1.1 404", "Content-Length: 0"]), [
    "HTTP/1.1 404 ",
    "Content-Length: 0",
  ]);
});

Deno.test("headForClient names no way past the proxy", () => {
  assert.deepEqual(
    forClient([
      "HTTP/1.1 200 OK",
      'Alt-Svc: h2="old.example.com:443"',
      "Content-Length: 0",
    ]),
    ["HTTP/1.1 200 OK", "Content-Length: 0"],
  );
});

Deno.test("headForClient announces the close", () => {
  const length = "Content-Length: 5";
  assert.deepEqual(
    forClient(["HTTP/1.1 200 OK", length], { close: true }),
    ["HTTP/1.1 200 OK", length, "connection: close"],
  );
  assert.deepEqual(
    forClient(["HTTP/1.1 200 OK"]),
    ["HTTP/1.1 200 OK", "connection: close"],
  );
});

Deno.test("headForClient: lengths of what has no body", () => {
  const length = "Content-Length: 5";
  const of = (line: string, method: string) =>
    forClient([line, "X: y", length], {}, method).slice(1);
  assert.deepEqual(of("HTTP/1.1 200 OK", "HEAD"), ["X: y", length]);
  assert.deepEqual(of("HTTP/1.1 304 Not Modified", "GET"), ["X: y", length]);
  assert.deepEqual(of("HTTP/1.1 204 No Content", "GET"), ["X: y"]);
  assert.deepEqual(of("HTTP/1.1 103 Early Hints", "GET"), ["X: y"]);
  assert.deepEqual(
    forClient(
      ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"],
      {},
      "HEAD",
    ),
    ["HTTP/1.1 200 OK"],
  );
});

Deno.test("headForClient: 101 stays what it is", () => {
  assert.deepEqual(
    forClient([
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: WebSocket",
      "Connection: Upgrade, X-Private",
      "X-Private: 1",
      "Sec-WebSocket-Accept: x",
      "Content-Length: 0",
    ]),
    [
      "HTTP/1.1 101 Switching Protocols",
      "Sec-WebSocket-Accept: x",
      "connection: upgrade",
      "upgrade: WebSocket",
    ],
  );
});
