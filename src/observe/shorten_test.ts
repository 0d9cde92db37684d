import assert from "node:assert/strict";
import { createShortener } from "./shorten.ts";

Deno.test("createShortener gives two characters and a hash that the key keeps stable", () => {
  const shorten = createShortener("key");
  assert.match(shorten("alice@example.com"), /^al~[0-9a-f]{10}$/);
  assert.equal(
    shorten("alice@example.com"),
    createShortener("key")("alice@example.com"),
  );
  assert.notEqual(shorten("alice@example.com"), shorten("alina@example.com"));
  assert.notEqual(
    shorten("alice@example.com"),
    createShortener("other")("alice@example.com"),
  );
  assert.notEqual(createShortener()("a"), createShortener()("a"));
});

Deno.test("createShortener cuts no character in half", () => {
  assert.match(createShortener()("a\u{1F4E7}b"), /^a\u{1F4E7}~/u);
  assert.match(createShortener()(""), /^~/);
});
