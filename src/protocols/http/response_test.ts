import assert from "node:assert/strict";
import { HttpFault } from "./fault.ts";
import { octetsOf } from "./octets.ts";
import { parseResponseHead } from "./response.ts";

const parse = (...lines: string[]) =>
  parseResponseHead(octetsOf(`${lines.join("\r\n")}\r\n\r\n`));

Deno.test("parseResponseHead takes a response apart", () => {
  const head = parse("HTTP/1.1 404 Not \u00e9 Found ", "Server: x", "A:\tb ");
  assert.deepEqual({ ...head, fields: head.fields.lines }, {
    minor: 1,
    status: 404,
    reason: "Not \u00e9 Found ",
    fields: [{ name: "Server", value: "x" }, { name: "A", value: "b" }],
  });
  for (const line of ["HTTP/1.0 200 ", "HTTP/1.0 200"]) {
    const { minor, status, reason } = parse(line);
    assert.deepEqual([minor, status, reason], [0, 200, ""]);
  }
});

Deno.test("parseResponseHead refuses what is no response", () => {
  const cases = [
    [""],
    ["HTTP/1.1"],
    ["HTTP/1.1 20"],
    ["HTTP/1.1 2000 OK"],
    ["HTTP/1.1 200OK"],
    ["HTTP/1.1  200 OK"],
    ["HTTP/1.1\t200 OK"],
    ["HTTP/1.1 099 OK"],
    ["HTTP/1.1 600 OK"],
    ["HTTP/1.1 +20 OK"],
    ["HTTP/1.2 200 OK"],
    ["HTTP/2.0 200 OK"],
    ["HTTP/2 200"],
    ["http/1.1 200 OK"],
    ["ICY 200 OK"],
    [" HTTP/1.1 200 OK"],
    ["* OK IMAP4rev1 ready"],
    ["220 mail ESMTP"],
    ["HTTP/1.1 200 O\u0000K"],
    ["HTTP/1.1 200 OK\rX"],
    ["HTTP/1.1 200 OK\nX: y"],
    ["HTTP/1.1 200 OK", "X : y"],
    ["HTTP/1.1 200 OK", "X: y", " folded"],
    ["HTTP/1.1 200 OK", ": y"],
    ["HTTP/1.1 200 OK", "garbage"],
    ["HTTP/1.1 200 OK", "X: \u0001"],
  ];
  for (const lines of cases) {
    assert.throws(
      () => parse(...lines),
      (error) => error instanceof HttpFault && error.status === 502,
      JSON.stringify(lines),
    );
  }
});
