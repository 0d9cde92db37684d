/** Heads of random octets and heads that random changes were made to: a fault or a head, never more. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../../tests/support/random.ts";
import { HttpFault } from "./fault.ts";
import { headForBackend, headForClient } from "./forward.ts";
import { requestFraming, responseFraming } from "./framing.ts";
import { octetsOf } from "./octets.ts";
import { parseRequestHead } from "./request.ts";
import { parseResponseHead } from "./response.ts";

const REQUEST = [
  "GET http://h:80/a%20b?c=d HTTP/1.1",
  "Host: h",
  "Content-Length: 5, 5",
  "Connection: keep-alive, x, Upgrade",
  'Forwarded: for="[::1]";by=_x',
  "X-Forwarded-For: ::1",
  "Upgrade: websocket",
  "TE: trailers",
  "X: \u00e9",
  "Expect: 100-continue",
  "",
  "",
].join("\r\n");

const RESPONSE = [
  "HTTP/1.1 200 O\u00cb",
  "Transfer-Encoding: chunked",
  "Connection: close, x",
  "X: y",
  "Set-Cookie: a=b",
  "",
  "",
].join("\r\n");

/** What a request becomes, and what that becomes when it is read and passed on again. */
function requestTwice(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  const once = (head: Uint8Array) => {
    const request = parseRequestHead(head);
    const framing = requestFraming(request);
    const how = { framing, trusted: true, client: null, expect: true };
    return headForBackend(request, how);
  };
  const first = once(bytes);
  return [first, once(first)];
}

function responseTwice(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  const once = (head: Uint8Array) => {
    const response = parseResponseHead(head);
    const framing = responseFraming(response, "GET");
    return headForClient(response, { framing, close: false });
  };
  const first = once(bytes);
  return [first, once(first)];
}

/** A few octets changed, left out, put in, or the rest cut off. */
function changed(random: SeededRandom, text: string): Uint8Array {
  let result = text;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(result.length + 1);
    const octet = String.fromCharCode(random.below(256));
    const put = random.pick(["", octet, octet, "\r\n", ",", result.slice(at)]);
    const rest = random.below(20) === 0 ? "" : result.slice(at);
    result = result.slice(0, at) + put + rest.slice(random.below(3));
  }
  return octetsOf(result);
}

for (
  const [name, twice, sample] of [
    ["request", requestTwice, REQUEST],
    ["response", responseTwice, RESPONSE],
  ] as const
) {
  Deno.test(`a changed ${name} is refused, or is passed on as what stays the same from then on`, () => {
    const random = new SeededRandom(5);
    let passed = 0;
    for (let round = 0; round < 8_000; round++) {
      const bytes = changed(random, sample);
      try {
        const [first, second] = twice(bytes);
        passed++;
        assert.deepEqual(second, first);
      } catch (error) {
        if (!(error instanceof HttpFault)) throw error;
      }
    }
    assert.ok(passed > 500 && passed < 7_500, `${passed}`);
  });

  Deno.test(`a ${name} of noise is refused`, () => {
    const random = new SeededRandom(6);
    for (let round = 0; round < 8_000; round++) {
      const length = random.below(80);
      const noise = Uint8Array.from({ length }, () => random.below(256));
      assert.throws(() => twice(noise), HttpFault);
    }
  });
}
