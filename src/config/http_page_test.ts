/** What docs/http.md shows is what an operator copies. */
import assert from "node:assert/strict";
import { compileGlob } from "./glob.ts";
import { loadConfig } from "./load.ts";
import { compileRegex } from "./regex.ts";
import { BASE, emptyEnv } from "./testing.ts";

Deno.test("the examples of docs/http.md are valid together, and find their requests", async () => {
  const page = await Deno.readTextFile(
    new URL("../../docs/http.md", import.meta.url),
  );
  const blocks = page.split(/\n\n(?=\S)/)
    .map((block) => block.split("\n").filter((line) => /^( {4}|$)/.test(line)))
    .map((lines) => lines.map((line) => line.slice(4)).join("\n"))
    .filter((block) => /^\s*\[/.test(block));
  // The general route of the beginning would take everything.
  const [first, ...others] = blocks;
  const [head, last] = first!.split(/(?=\[\[)/);
  const text = [BASE, head, ...others, last].join("\n");
  const options = { file: "http.md", strict: true, env: emptyEnv };
  const result = await loadConfig(text, options);
  assert.deepEqual(result.ok ? [] : result.problems, []);
  assert.deepEqual(result.warnings, []);
  assert.ok(result.ok);
  const { route } = result.config.http;
  const matched = (path: string) =>
    route.find(({ match }) => compileGlob(match)(path));
  const from = (path: string) => matched(path)?.extract?.from;
  assert.equal(matched("/.well-known/acme-challenge/x")?.destination, "old");
  assert.equal(from("/mail/config-v1.1.xml"), "query");
  assert.equal(from("/autodiscover/autodiscover.xml"), "body");
  for (
    const path of ["/.well-known/jmap", "/jmap/ws", "/.well-known/caldav"]
  ) {
    assert.notEqual(matched(path), undefined, path);
    assert.notEqual(matched(path), route.at(-1), path);
  }
  const { regex } = matched("/autodiscover/autodiscover.xml")!.extract!;
  assert.equal(
    compileRegex(regex!).firstGroup(
      "<EMailAddress>alice@example.com</EMailAddress>",
    ),
    "alice@example.com",
  );
});
