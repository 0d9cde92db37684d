/** What the documents name exists, and what they show is valid. */
import assert from "node:assert/strict";
import { problemsOf } from "../src/config/testing.ts";
import { blocks, readReadme } from "./support/readme.ts";

const root = new URL("../", import.meta.url);

async function documents(): Promise<Map<string, string>> {
  const paths = ["README.md"];
  for await (const { name } of Deno.readDir(new URL("docs/", root))) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  const read = async (path: string): Promise<[string, string]> => [
    path,
    await Deno.readTextFile(new URL(path, root)),
  ];
  return new Map(await Promise.all(paths.map(read)));
}

async function exists(path: string, base: string): Promise<boolean> {
  return await Deno.stat(new URL(path, new URL(base, root)))
    .then(() => true, () => false);
}

Deno.test("links of the documents lead somewhere", async () => {
  const dead: string[] = [];
  for (const [path, text] of await documents()) {
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      if (!await exists(target!, path)) dead.push(`${path}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

Deno.test("paths that docs/architecture.md names exist", async () => {
  const text = (await documents()).get("docs/architecture.md")!;
  const wrong: string[] = [];
  for (
    const [, path] of text.matchAll(
      /`((?:src|tests|tools|bench|packaging)\/[^`]*)`/g,
    )
  ) {
    if (!await exists(path!, "README.md")) wrong.push(path!);
  }
  assert.deepEqual(wrong, []);
});

Deno.test("README.md shows configurations that validate strictly", async () => {
  const shown = blocks(await readReadme(), "toml");
  assert.ok(shown.length > 0);
  for (const text of shown) assert.deepEqual(problemsOf(text), []);
});
