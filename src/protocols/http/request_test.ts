import assert from "node:assert/strict";
import { HttpFault } from "./fault.ts";
import { octetsOf } from "./octets.ts";
import { parseRequestHead } from "./request.ts";

/** The head with these lines. */
const parse = (...lines: string[]) =>
  parseRequestHead(octetsOf(`${lines.join("\r\n")}\r\n\r\n`));

const refuses = (status: number, ...lines: string[]) =>
  assert.throws(
    () => parse(...lines),
    (error) => error instanceof HttpFault && error.status === status,
    JSON.stringify(lines),
  );

/** A request that is well-formed but for this. */
const withField = (field: string) => ["GET / HTTP/1.1", "Host: h", field];

Deno.test("parseRequestHead takes a request apart", () => {
  const head = parse(
    "POST /jmap/api?a=1&b=?/ HTTP/1.1",
    "Host: Mail.Example.com:8443",
    "X-Some:\t a b \t",
    "x-none:",
  );
  assert.deepEqual({ ...head, fields: head.fields.lines }, {
    method: "POST",
    target: "/jmap/api?a=1&b=?/",
    path: "/jmap/api",
    query: "a=1&b=?/",
    host: "Mail.Example.com:8443",
    upgrade: false,
    fields: [
      { name: "Host", value: "Mail.Example.com:8443" },
      { name: "X-Some", value: "a b" },
      { name: "x-none", value: "" },
    ],
  });
});

Deno.test("parseRequestHead: one character for each octet", () => {
  const every = Array.from({ length: 128 }, (_, i) => 128 + i);
  const value = String.fromCharCode(...every);
  const { fields } = parse(...withField(`X-High: a${value}z`));
  assert.equal(fields.first("x-high"), `a${value}z`);
});

Deno.test("parseRequestHead: the forms of a target", () => {
  // RFC 9112 3.2.1, 3.2.2, 3.2.4
  const host = "www.example.org";
  const cases: [method: string, target: string, host: string, to: string][] = [
    ["GET", "/where?q=now", host, "/where?q=now"],
    [
      "GET",
      "http://www.example.org/pub/WWW/TheProject.html",
      host,
      "/pub/WWW/TheProject.html",
    ],
    ["OPTIONS", "*", `${host}:8001`, "*"],
    ["OPTIONS", "http://www.example.org:8001", `${host}:8001`, "*"],
    ["OPTIONS", "http://www.example.org:8001/", `${host}:8001`, "/"],
    ["GET", "HTTPS://WWW.example.org", host, "/"],
    ["GET", "https://www.example.org:443?x=1", host, "/?x=1"],
    ["GET", "http://www.example.org", `${host}:80`, "/"],
    ["GET", "http://[::1]:8080/a", "[::1]:8080", "/a"],
    ["GET", "//a//b", host, "//a//b"],
    ["GET", '/{a}|"\\^`[<>]%41~', host, '/{a}|"\\^`[<>]%41~'],
    ["GET", "/?100%", host, "/?100%"],
  ];
  for (const [method, target, name, to] of cases) {
    const head = parse(`${method} ${target} HTTP/1.1`, `Host: ${name}`);
    assert.equal(head.target, to, `${method} ${target}`);
  }
  assert.equal(parse("OPTIONS * HTTP/1.1", "Host: h").path, "*");
});

Deno.test("parseRequestHead refuses targets that are none", () => {
  const cases = [
    "*",
    "x",
    "h:80",
    "/%",
    "/%4",
    "/%zz",
    "/a%00b",
    "/#part",
    "/\u00fc",
    "/\u007f",
    "?x",
    "ftp://h/",
    "http://",
    "http:///a",
    "http:/h/",
    "http://u@h/",
    "http://u:p@h/",
    "http://other/",
    "http://h:81/",
    "https://h:80/",
    "http://h#part",
    "http://h:99999/",
    "http://[::1/",
  ];
  for (const target of cases) {
    refuses(400, `GET ${target} HTTP/1.1`, "Host: h");
  }
  refuses(400, "POST * HTTP/1.1", "Host: h");
  refuses(400, "options * HTTP/1.1", "Host: h");
});

Deno.test("parseRequestHead refuses request lines that are none", () => {
  const cases = [
    "",
    " ",
    "GET",
    "GET /",
    "GET  / HTTP/1.1",
    "GET /  HTTP/1.1",
    "GET / HTTP/1.1 ",
    " GET / HTTP/1.1",
    "GET\t/ HTTP/1.1",
    "GET /\tHTTP/1.1",
    "GET /a b HTTP/1.1",
    "GET / http/1.1",
    "GET / HTTP/1.10",
    "GET / HTTP/01.1",
    "GET / HTTP/1",
    "GET / HTTP/1.",
    "GET / HTTP/a.b",
    "GET / HTTP 1.1",
    "GET / ICY/1.1",
    "GET / HTTP/1.1x",
    "G@T / HTTP/1.1",
    "G\u00cbT / HTTP/1.1",
    "(GET) / HTTP/1.1",
    "head / HTTP/1.1",
    "GET HTTP/1.1 /",
  ];
  for (const line of cases) refuses(400, line, "Host: h");
  for (const method of ["get", "M-SEARCH", "PROPFIND", "!#$%&'*+-.^_`|~09Az"]) {
    assert.equal(parse(`${method} / HTTP/1.1`, "Host: h").method, method);
  }
});

Deno.test("parseRequestHead answers other versions and CONNECT with their own status", () => {
  for (const version of ["1.0", "0.9", "1.2", "2.0", "3.0", "9.9"]) {
    refuses(505, `GET / HTTP/${version}`);
  }
  refuses(505, "PRI * HTTP/2.0");
  refuses(405, "CONNECT h:443 HTTP/1.1", "Host: h:443");
  refuses(405, "connect h:443 HTTP/1.1", "Host: h:443");
});

Deno.test("parseRequestHead wants one Host that is one", () => {
  refuses(400, "GET / HTTP/1.1");
  refuses(400, "GET / HTTP/1.1", "Host: a", "Host: b");
  refuses(400, "GET / HTTP/1.1", "Host: a", "hOST: a");
  const bad = [
    "",
    "a b",
    "a,b",
    "u@h",
    "u:p@h",
    "h/",
    "h/path",
    "h?q",
    "h#f",
    "http://h",
    "h:x",
    "h:80:80",
    "h:-1",
    "h:65536",
    "h:000080",
    ":80",
    "[::1",
    "::1",
    "[]",
    "[127.0.0.1]",
    "[::1]x",
    "[::g]",
    "[fe80::1%25eth0]",
    "b\u00fccher.example",
    "h\\x",
    'h"',
    "%41",
  ];
  for (const host of bad) refuses(400, "GET / HTTP/1.1", `Host: ${host}`);
  const good = [
    "h",
    "MAIL.example.com",
    "a_b.example",
    "xn--bcher-kva.example.",
    "127.0.0.1:8080",
    "h:",
    "h:65535",
    "[2001:db8::1]",
    "[::ffff:192.0.2.1]:443",
  ];
  for (const host of good) {
    assert.equal(parse("GET / HTTP/1.1", `Host: ${host}`).host, host);
  }
});

Deno.test("parseRequestHead refuses lines that are no fields", () => {
  const cases = [
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Content-Length : 5",
    ": value",
    "name",
    " folded: x",
    "X: a\r\n folded",
    "X: a\r\n\tfolded",
    "X: a\r\n\r\nY: b",
    "X Y: a",
    "X\u00e9: a",
    "X(c): a",
    'X"c": a',
    "X/Y: a",
    "X,Y: a",
    "X[0]: a",
  ];
  for (const field of cases) refuses(400, ...withField(field));
});

Deno.test("parseRequestHead refuses every control character but tab, wherever it stands", () => {
  const codes = [...Array(32).keys(), 127].filter((code) => code !== 9);
  for (const code of codes) {
    const control = String.fromCharCode(code);
    for (
      const [line, field] of [
        [`GET /${control} HTTP/1.1`, "X: y"],
        [`GET / HTTP/1.1${control}`, "X: y"],
        [`GET / HTTP/1.1`, `X${control}: y`],
        [`GET / HTTP/1.1`, `X:${control}y`],
        [`GET / HTTP/1.1`, `X: y${control}`],
        [`GET / HTTP/1.1`, `X: y${control}Z: y`],
      ]
    ) refuses(400, line!, "Host: h", field!);
  }
});

Deno.test("parseRequestHead refuses a head that does not end in its first empty line", () => {
  const whole = "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n";
  parseRequestHead(octetsOf(whole));
  for (let length = 0; length < whole.length; length++) {
    assert.throws(
      () => parseRequestHead(octetsOf(whole.slice(0, length))),
      HttpFault,
      `${length}`,
    );
  }
  assert.throws(() => parseRequestHead(octetsOf(`${whole}X: y\r\n\r\n`)));
});

Deno.test("parseRequestHead: expectations", () => {
  parse(...withField("Expect: 100-Continue"));
  refuses(417, ...withField("Expect:"));
  refuses(417, ...withField("Expect: 200-ok"));
  refuses(417, ...withField("Expect: 100-continue, more"));
  refuses(417, ...withField("Expect: 100-continue;x=y"));
  refuses(417, ...withField("Expect: 100-continue\r\nExpect: x"));
});

Deno.test("parseRequestHead refuses a second Authorization", () => {
  refuses(400, ...withField("Authorization: Basic YQ==\r\nauthorization: x"));
});

Deno.test("parseRequestHead: what asks for a WebSocket", () => {
  const asks = (line: string, ...fields: string[]) =>
    parse(line, "Host: h", ...fields).upgrade;
  const get = "GET /ws HTTP/1.1";
  const upgrade = "Upgrade: websocket";
  const connection = "Connection: Upgrade";
  assert.equal(asks(get, upgrade, connection), true);
  assert.equal(
    asks(get, "UPGRADE: h2c, WebSocket", "connection: keep-alive, UPGRADE"),
    true,
  );
  assert.equal(asks(get, upgrade), false);
  assert.equal(asks(get, connection), false);
  assert.equal(asks(get, "Upgrade: h2c", connection), false);
  assert.equal(asks(get, "Upgrade: websocket/13", connection), false);
  assert.equal(asks("POST /ws HTTP/1.1", upgrade, connection), false);
  assert.equal(asks(get, upgrade, connection, "Content-Length: 0"), false);
  assert.equal(
    asks(get, upgrade, connection, "Transfer-Encoding: chunked"),
    false,
  );
});
