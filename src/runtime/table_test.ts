import assert from "node:assert/strict";
import { mayUse, usageOf } from "./command.ts";
import { runtimeCompletion } from "./completion.ts";
import { findCommand, helpLines } from "./find.ts";
import { runtimeReference } from "./reference.ts";
import { COMMANDS } from "./table.ts";

Deno.test("every command is found by its own words, and told of in one line", () => {
  for (const command of COMMANDS) {
    const words = command.words.join(" ");
    assert.equal(findCommand(COMMANDS, [...command.words, "x"]), command);
    assert.match(words, /^[a-z][a-z -]*$/);
    assert.match(command.help, /^[a-z][^\n]*[^.\n]$/, words);
    const optional = (command.args ?? []).map((a) => a.optional === true);
    assert.deepEqual(optional, [...optional].sort(), words);
    const repeated = (command.args ?? []).findIndex((a) => a.repeated);
    assert.ok([-1, (command.args ?? []).length - 1].includes(repeated), words);
  }
});

Deno.test("no command of an admin goes without an audit line", () => {
  const silent = COMMANDS.filter(({ level, changes }) =>
    level === "admin" && !changes
  );
  assert.deepEqual(silent.map(usageOf), []);
});

Deno.test("no command lets a user change anything, or see an account", () => {
  const allowed = COMMANDS.filter(({ level }) => mayUse("user", level));
  assert.deepEqual(allowed.filter(({ changes }) => changes), []);
  for (const words of ["show sess", "show map", "show errors", "show env"]) {
    assert.ok(!allowed.some((c) => c.words.join(" ") === words), words);
  }
});

Deno.test("help, the reference page and the completion have every command", () => {
  const page = runtimeReference(COMMANDS);
  const script = runtimeCompletion(COMMANDS);
  assert.equal(helpLines(COMMANDS, "admin", []).length, COMMANDS.length);
  for (const { words } of COMMANDS) {
    assert.ok(page.includes(`\n### ${words.join(" ")}\n`), words.join(" "));
    const row = `["> ${words.slice(0, -1).join(" ")}"]="`;
    const line = script.split("\n").find((text) => text.includes(row));
    assert.ok(line?.split(/[" ]/).includes(words.at(-1)!), words.join(" "));
  }
});
