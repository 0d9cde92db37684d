import assert from "node:assert/strict";
import { byteText } from "../../sasl/text.ts";
import { responseFraming } from "./framing.ts";
import { octetsOf } from "./octets.ts";
import { CONTINUE, ownReply } from "./replies.ts";
import { parseResponseHead } from "./response.ts";

/** The head of an own answer, and its body. */
function answer(status: number, method?: string) {
  const text = byteText(ownReply(status, method));
  const end = text.indexOf("\r\n\r\n") + 4;
  const head = parseResponseHead(octetsOf(text.slice(0, end)));
  return { head, body: text.slice(end) };
}

// deno-fmt-ignore
const STATUSES = [
  400, 404, 405, 408, 413, 417, 421, 429, 431, 500, 501, 502, 503, 504, 505,
];

Deno.test("ownReply is a whole answer that closes", () => {
  for (const status of STATUSES) {
    const { head, body } = answer(status);
    assert.equal(head.status, status);
    assert.match(head.reason, /^[A-Z][A-Za-z ]+$/);
    assert.equal(head.fields.first("connection"), "close");
    assert.match(head.fields.first("content-type")!, /^text\/plain\b/);
    assert.deepEqual(responseFraming(head, "GET"), {
      kind: "length",
      length: body.length,
    });
    assert.match(body, /^[^\n]+\n$/);
    assert.ok(Number.isFinite(Date.parse(head.fields.first("date")!)));
  }
});

Deno.test("ownReply to HEAD has no body, and says how long it would be", () => {
  const { head, body } = answer(404, "HEAD");
  assert.equal(body, "");
  assert.equal(
    head.fields.first("content-length"),
    answer(404).head.fields.first("content-length"),
  );
});

Deno.test("ownReply: what a status demands", () => {
  for (const status of STATUSES) {
    const { fields } = answer(status).head;
    assert.equal(fields.has("allow"), status === 405);
    assert.equal(fields.has("retry-after"), status === 429 || status === 503);
  }
  // RFC 9110 10.2.1, 10.2.3
  assert.match(answer(405).head.fields.first("allow")!, /^GET|, GET/);
  assert.match(answer(503).head.fields.first("retry-after")!, /^[0-9]+$/);
});

Deno.test("CONTINUE is an interim response", () => {
  assert.equal(parseResponseHead(CONTINUE).status, 100);
});
