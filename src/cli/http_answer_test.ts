import assert from "node:assert/strict";
import { readAnswer, textOf } from "./http_answer.ts";

/** The answer of bytes that come in pieces of `size`. */
async function answerOf(text: string, size: number) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const answer = await readAnswer(() => {
    if (at >= bytes.length) return Promise.resolve(null);
    return Promise.resolve(bytes.subarray(at, at += size));
  });
  return { ...answer, body: await textOf(answer) };
}

Deno.test("readAnswer reads bodies by length, by chunk and to the end, however the bytes come", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
  for (const size of [1, 3, 1000]) {
    const body = async (text: string) =>
      (await answerOf(head + text, size)).body;
    assert.equal(await body("Content-Length: 4\r\n\r\nok\r\n"), "ok\r\n");
    assert.equal(await body("Content-Length: 3\r\n\r\né\n"), "é\n");
    assert.equal(
      await body(
        "Transfer-Encoding: chunked\r\n\r\n3\r\né\n\r\na;x=y\r\n0123456789\r\n0\r\n\r\n",
      ),
      "é\n0123456789",
    );
    assert.equal(await body("\r\nto the\r\n\r\nend"), "to the\r\n\r\nend");
    const { status, headers } = await answerOf(
      `HTTP/1.1 100 Continue\r\n\r\n${head}\r\n`,
      size,
    );
    assert.equal(status, 200);
    assert.equal(headers.get("content-type"), "text/plain");
  }
});

Deno.test("readAnswer refuses what is no whole answer", async () => {
  for (
    const text of [
      "",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
      "* OK IMAP4rev1\r\n\r\n",
      `HTTP/1.1 200 OK\r\nA: ${"x".repeat(100_000)}`,
    ]
  ) await assert.rejects(answerOf(text, 1000), text.slice(0, 80));
});
