import assert from "node:assert/strict";
import { quote } from "./story.ts";

Deno.test("quote makes one word of a shell", () => {
  assert.equal(quote("/tmp/a-b/c.pem"), "/tmp/a-b/c.pem");
  assert.equal(quote("/tmp/my files"), "'/tmp/my files'");
  assert.equal(quote("it's"), `'it'\\''s'`);
});
