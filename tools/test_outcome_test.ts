import assert from "node:assert/strict";
import { readOutcome } from "./test_outcome.ts";

Deno.test("readOutcome counts passed, failed and skipped tests", () => {
  const text = [
    "running 4 tests from ./src/a_test.ts",
    "parse reads a line ... ok (1ms)",
    "bridge with steps ...",
    "  one ... ok (0ms)",
    "bridge with steps ... ok (1ms)",
    "dovecot moves an account ... ignored (0ms)",
    "dial refuses ... FAILED (2ms)",
    "",
    "FAILED | 2 passed (1 step) | 1 failed | 1 ignored (31ms)",
    "",
    "error: Test failed",
  ].join("\n");
  assert.deepEqual(readOutcome(text, false), {
    passed: 2,
    failed: 1,
    skipped: ["dovecot moves an account"],
  });
});

Deno.test("readOutcome counts a run without a summary as failed", () => {
  assert.equal(readOutcome("error: No test modules found\n", false).failed, 1);
});

Deno.test("readOutcome counts a run that ran nothing as failed", () => {
  assert.equal(readOutcome("ok | 0 passed | 0 failed (1ms)\n", true).failed, 1);
});

Deno.test("readOutcome counts a bad end after good tests as failed", () => {
  const outcome = readOutcome("ok | 3 passed | 0 failed (1ms)\n", false);
  assert.deepEqual([outcome.passed, outcome.failed], [3, 1]);
});
