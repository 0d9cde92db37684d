/** Cases of rules, for tests. */
import assert from "node:assert/strict";
import { BASE, problemsOf } from "../testing.ts";

/** A change of the base that must be refused with these words, and one close to it that must not. */
interface Case {
  readonly rule: string;
  readonly bad: string;
  /** Parts of one problem line, key included. */
  readonly says: readonly string[];
  readonly good: string;
}

export const base = (from: string, to: string) => {
  assert.ok(BASE.includes(from), from);
  return BASE.replace(from, to);
};
export const plus = (more: string) => `${BASE}${more}\n`;
export const listener = (protocol: string, rest: string) =>
  plus(
    `[listener.x]\nprotocol = "${protocol}"\nbind = ["127.0.0.1:2000"]\n${rest}`,
  );
export const socket = (rest: string) => plus(`[[runtime.socket]]\n${rest}`);

/** A test for each case. */
export function testRules(cases: readonly Case[]): void {
  for (const { rule, bad, says, good } of cases) {
    Deno.test(`rules: ${rule}`, () => {
      const found = problemsOf(bad);
      assert.ok(
        found.some((line) => says.every((part) => line.includes(part))),
        `${says.join("…")}\nin\n${found.join("\n")}`,
      );
      for (const line of found) assert.match(line, /^c\.toml:\d+: /);
      assert.deepEqual(problemsOf(good), []);
    });
  }
}
