import assert from "node:assert/strict";
import { recipientKeys } from "./routes.ts";

Deno.test("recipientKeys has the recipient whole, then without its detail, for any letter case of the domain", () => {
  const recipients = { delimiter: "+", ehlo: [] };
  const keys = (path: string, normalize: "none" | "lowercase" = "none") =>
    recipientKeys(path, { recipients, normalize });
  assert.deepEqual(keys("al@x.test"), ["al@x.test"]);
  assert.deepEqual(keys("Al+Box@X.Test"), [
    "Al+Box@X.Test",
    "Al+Box@x.test",
    "Al@X.Test",
    "Al@x.test",
  ]);
  assert.deepEqual(keys("Al+Box@X.Test", "lowercase"), [
    "al+box@x.test",
    "al@x.test",
  ]);
  assert.deepEqual(keys('"a b"@x.test'), []);
  assert.deepEqual(keys('"a b+c"@x.test'), []);
});
