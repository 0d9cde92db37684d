import assert from "node:assert/strict";
import { parseAnswer, trusts } from "./admin_client.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("parseAnswer reads bodies by length, by chunk and to the end", () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
  const body = (text: string) => parseAnswer(bytes(head + text)).body;
  assert.equal(body("Content-Length: 4\r\n\r\nok\r\n"), "ok\r\n");
  assert.equal(body("Content-Length: 3\r\n\r\né\n"), "é\n");
  assert.equal(
    body(
      "Transfer-Encoding: chunked\r\n\r\n3\r\né\n\r\na;x=y\r\n0123456789\r\n0\r\n\r\n",
    ),
    "é\n0123456789",
  );
  assert.equal(body("\r\nto the\r\n\r\nend"), "to the\r\n\r\nend");
  const { status, headers } = parseAnswer(bytes(`${head}\r\n`));
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/plain");
});

Deno.test("parseAnswer refuses what is no whole answer", () => {
  for (
    const text of [
      "",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
      "* OK IMAP4rev1\r\n\r\n",
    ]
  ) assert.throws(() => parseAnswer(bytes(text)), text);
});

Deno.test("trusts accepts an unknown certificate on loopback only", () => {
  const kinds = (hostname: string, insecure = false) => {
    const unknown = { certPem: undefined, rootPem: undefined };
    const target = { hostname, port: 1, token: "t", ...unknown };
    return trusts(target, { insecure, caPem: undefined, hostRoots: [] })
      .map(({ kind }) => kind);
  };
  for (const local of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) {
    assert.deepEqual(kinds(local), ["none"]);
  }
  for (const far of ["192.0.2.1", "mail.example.com", "127.example.com"]) {
    assert.deepEqual(kinds(far), ["store"]);
    assert.deepEqual(kinds(far, true), ["none"]);
  }
});
