/** What the documents name exists, and what they show is valid. */
import assert from "node:assert/strict";
import {
  BASE,
  configOf,
  problemsOf,
  warningsOf,
} from "../src/config/testing.ts";
import { blocks, readReadme } from "./support/readme.ts";

const root = new URL("../", import.meta.url);

async function documents(): Promise<Map<string, string>> {
  const paths = ["README.md"];
  for (const folder of ["docs", "docs/stores"]) {
    for await (const { name } of Deno.readDir(new URL(`${folder}/`, root))) {
      if (name.endsWith(".md")) paths.push(`${folder}/${name}`);
    }
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

Deno.test("docs/stores shows configurations that validate strictly, without a warning", async () => {
  const pages = [...await documents()].filter(([path]) =>
    path.startsWith("docs/stores/")
  );
  for (const [path, text] of pages) {
    for (const shown of blocks(text, "toml")) {
      const config = BASE.replace(/\[mapping\][^[]*/, "") + shown;
      assert.deepEqual(problemsOf(config), [], path);
      assert.deepEqual(warningsOf(config), [], path);
    }
  }
});

Deno.test("docs/estate.toml validates strictly, without a warning, and has every port of an estate", async () => {
  const text = await Deno.readTextFile(new URL("docs/estate.toml", root));
  assert.deepEqual(problemsOf(text), []);
  assert.deepEqual(warningsOf(text), []);
  const served = Object.values(configOf(text).listener).map((listener) => {
    const ports = listener.bind.map((address) => address.split(":").at(-1));
    return [Number(ports[0]), listener.protocol, listener.tls];
  });
  assert.deepEqual(served.sort(([a], [b]) => Number(a) - Number(b)), [
    [24, "lmtp", "plain"],
    [25, "smtp", "plain"],
    [80, "http", "plain"],
    [110, "pop3", "starttls"],
    [143, "imap", "starttls"],
    [443, "http", "implicit"],
    [465, "submission", "implicit"],
    [587, "submission", "starttls"],
    [993, "imap", "implicit"],
    [995, "pop3", "implicit"],
    [4190, "managesieve", "starttls"],
  ]);
});

/** Every event that is logged by name, wherever it is written. */
async function loggedEvents(folder: URL): Promise<Set<string>> {
  const events = new Set<string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      const below = await loggedEvents(new URL(`${name}/`, folder));
      for (const event of below) events.add(event);
    } else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) {
      const text = await Deno.readTextFile(new URL(name, folder));
      const calls = text.matchAll(
        /\blog\.(?:error|warn|info|debug)\(\s*"(\w+)"|\blog\(\s*"\w+",\s*"(\w+)"|\bevent: "(\w+)"/g,
      );
      for (const [, a, b, c] of calls) events.add((a ?? b ?? c)!);
    }
  }
  return events;
}

Deno.test("docs/logging.md has every event", async () => {
  const events = await loggedEvents(new URL("src/", root));
  assert.ok(events.size > 15);
  const text = (await documents()).get("docs/logging.md")!;
  const missing = [...events].filter((event) => !text.includes(`\`${event}\``));
  assert.deepEqual(missing, []);
});
