import assert from "node:assert/strict";
import type { Step } from "./story.ts";
import { walk } from "./walk.ts";

function step(title: string, output: string): Step {
  return {
    title,
    command: `printf '%s' '${output}'`,
    shows: /^ok$/,
    perform: () => Promise.resolve(output),
  };
}

Deno.test("walk tells each step, and stops at the first that fails", async () => {
  let told = "";
  const tell = (text: string) => void (told += text);
  assert.equal(
    await walk([step("One.", "ok"), step("Two.", "ok")], tell),
    null,
  );
  assert.equal(told, "ok 1. One.\nok 2. Two.\n");
  told = "";
  assert.equal(
    await walk(
      [step("One.", "ok"), step("Two.", "no"), step("3.", "ok")],
      tell,
    ),
    'step 2 (Two.) failed: wanted /^ok$/, got "no"',
  );
  assert.equal(told, "ok 1. One.\n");
});
