import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/random.ts";
import { decodeBase64, decodeBase64Url, encodeBase64 } from "./base64.ts";
import { encodeUtf8 } from "./text.ts";

// RFC 4648 10.
const VECTORS = [
  ["", ""],
  ["f", "Zg=="],
  ["fo", "Zm8="],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg=="],
  ["fooba", "Zm9vYmE="],
  ["foobar", "Zm9vYmFy"],
] as const;

Deno.test("encodeBase64 and decodeBase64 agree with the vectors of RFC 4648", () => {
  for (const [text, encoded] of VECTORS) {
    assert.equal(encodeBase64(encodeUtf8(text)), encoded);
    assert.deepEqual(decodeBase64(encoded), encodeUtf8(text));
  }
});

Deno.test("decodeBase64 refuses what has another spelling or none", () => {
  const wrong = [
    "Zg",
    "Zg=",
    "Zg===",
    "Zh==",
    "Zm9=",
    "Z",
    "=",
    "====",
    "Zm 9v",
    "Zm9v\n",
    "Zm9-",
    "Zm9_",
    "*",
    "Zg==Zg==",
    "é",
  ];
  for (const text of wrong) assert.equal(decodeBase64(text), null, text);
});

Deno.test("encodeBase64 and decodeBase64 are inverse for random bytes of any length", () => {
  const random = new SeededRandom(4648);
  for (let length = 0; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, () => random.below(256));
    assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes);
  }
  const long = new Uint8Array(40_000).fill(255);
  assert.deepEqual(decodeBase64(encodeBase64(long)), long);
});

Deno.test("decodeBase64Url takes the URL alphabet with and without padding", () => {
  assert.deepEqual(decodeBase64Url("_-8"), Uint8Array.of(255, 239));
  assert.deepEqual(decodeBase64Url("_-8="), Uint8Array.of(255, 239));
  assert.deepEqual(decodeBase64Url(""), new Uint8Array(0));
  for (const text of ["a", "+/8=", "Zm 9v", "Zg===", "="]) {
    assert.equal(decodeBase64Url(text), null, text);
  }
});
