import assert from "node:assert/strict";
import { encode } from "./message.ts";
import { Assembly, PART_LENGTH, split } from "./parts.ts";

Deno.test("split: every part fits into a notification, and together they are the message", () => {
  const argument = "jürgen 😀 ".repeat(PART_LENGTH);
  const text = encode({
    kind: "ask",
    from: "a",
    id: 1,
    name: "n",
    argument,
  });
  const parts = split("0123456789abc.12345", text);
  assert.ok(parts.length > 2);
  const assembly = new Assembly();
  const whole: (string | null)[] = [];
  for (const part of parts) {
    assert.ok(new TextEncoder().encode(part).length < 8000);
    whole.push(assembly.take(part));
  }
  assert.equal(whole.pop(), text);
  assert.ok(whole.every((each) => each === null));
  assert.equal(JSON.parse(text).argument, argument);
});

Deno.test("Assembly: messages of several senders come mixed, and what is incomplete is never a message", () => {
  const assembly = new Assembly();
  const [first, second] = split("a.1", "x".repeat(PART_LENGTH + 1));
  const [other] = split("b.1", "y");
  assert.equal(assembly.take(second!), null);
  assert.equal(assembly.take(first!), null);
  assert.equal(assembly.take(other!), "y");
  assert.equal(assembly.take(second!), "x".repeat(PART_LENGTH + 1));
  for (
    const noPart of ["", "hello", "a 0 0", "a.1 99999 100000 x", "a 1 1 x"]
  ) {
    assert.equal(assembly.take(noPart), null, noPart);
  }
  assert.equal(assembly.take(split("c.1", "")[0]!), "");
});
