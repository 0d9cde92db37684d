/** The rules of documents, compared with a real Caddy's configuration API. */
import assert from "node:assert/strict";
import { type Edit, edit } from "../../src/config/document/edit.ts";
import { DocumentError } from "../../src/config/document/error.ts";
import { fingerprint } from "../../src/config/document/fingerprint.ts";
import { parseJson } from "../../src/config/document/formats.ts";
import type { Json } from "../../src/config/document/json.ts";
import { formatConfigPath } from "../../src/config/document/path.ts";
import { read } from "../../src/config/document/read.ts";
import { Caddy, type CaddyAnswer } from "../support/caddy.ts";
import {
  CADDY_DIFFERENCES,
  type Compared,
  differenceRow,
  type Outcome,
} from "../support/caddy_differences.ts";
import { SeededRandom } from "../support/random.ts";
import { needs } from "../support/requirements.ts";

/** Caddy takes any JSON in a handler that sets variables. */
const BASE = ["apps", "http", "servers", "s", "routes", "0", "handle", "0"];
const DOC = [...BASE, "doc"];

const FIRST = parseJson(`{
  "table": {"a": 1, "list": ["x", "y"], "deeper": {"b": null, "list": [{"c": 1}, {"list": []}]}},
  "text": "x", "number": 1.5, "nothing": null, "flag": false, "list": [], "nested": [[1, 2], [[3]]],
  "a name": {"é": 1}
}`);

function wrapped(doc: Json): Json {
  const handler = { handler: "vars", doc };
  const server = {
    automatic_https: { disable: true },
    routes: [{ handle: [handler] }],
  };
  return { apps: { http: { servers: { s: server } } } };
}

const SEQUENCES = 12;
const STEPS = 60;

needs(
  ["caddy"],
  "random changes give the same documents as in Caddy",
  async () => {
    await using caddy = await Caddy.start();
    const met = new Set<string>();
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= SEQUENCES; seed++) {
      const random = new SeededRandom(seed);
      let document: Json | null = parseJson(JSON.stringify(wrapped(FIRST)));
      await reset(caddy, document);
      for (let step = 0; step < STEPS; step++) {
        const change = randomChange(random, document);
        const what = `seed ${seed} step ${step}: ${change.method} ${
          formatConfigPath(change.path)
        }${change.each ? "/..." : ""}`;
        const answer = await ask(caddy, change);
        const [ours, next] = apply(document, change);
        const compared: Compared = {
          change,
          before: valueAt(document, change.path),
          listInList: passesListInList(document, change.path),
          caddy: outcomeOf(answer),
          ours,
        };
        outcomes.add(`${change.method} ${ours}`);
        document = next;
        const theirs = await caddy.ask("GET", formatConfigPath([]));
        const same = compared.caddy === ours &&
          fingerprint(JSON.parse(theirs.body).apps) ===
            fingerprint(read(document, ["apps"]));
        if (!same) {
          const known = CADDY_DIFFERENCES.find((d) => d.explains?.(compared));
          assert.ok(
            known,
            `${what}: Caddy ${compared.caddy} (${answer.status} ${answer.body}), here ${ours}\n` +
              `Caddy: ${theirs.body}\nhere:  ${JSON.stringify(document)}`,
          );
          met.add(known.what);
          await reset(caddy, document);
        }
        await compareRead(caddy, random, document, what);
      }
    }
    for (const difference of CADDY_DIFFERENCES) {
      if (difference.explains) {
        assert.ok(
          met.has(difference.what),
          difference.what,
        );
      }
    }
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      assert.ok(outcomes.has(`${method} done`), method);
      assert.ok(outcomes.has(`${method} invalid`), method);
    }
    assert.ok(outcomes.has("PUT exists"));
    assert.ok(outcomes.has("PATCH absent"));
  },
);

needs(
  ["caddy", "curl"],
  "what the sequences cannot meet differs from Caddy as documented",
  async () => {
    await using caddy = await Caddy.start();
    const doc = formatConfigPath(DOC);
    const start = { list: [], a: { b: 1 }, "@id": "x" };
    await reset(caddy, wrapped(start));

    assert.equal((await caddy.ask("GET", "/id/x/a/b")).body, "1\n");
    assert.equal((await caddy.ask("GET", "/id/y")).status, 404);
    assert.equal((await caddy.ask("GET", `${doc}/a%2Fb`)).body, "1\n");
    assert.equal((await caddy.ask("GET", "/config")).status, 301);
    assert.equal((await caddy.ask("GET", `${doc}//a`)).status, 301);
    assert.equal((await caddy.ask("POST", `${doc}/a`, "")).status, 200);
    assert.equal((await caddy.ask("GET", `${doc}/a`)).body, "null\n");
    await caddy.ask("POST", `${doc}/a`, '{"b": 1, "b": 2}');
    assert.equal((await caddy.ask("GET", `${doc}/a/b`)).body, "2\n");
    const twin = await caddy.ask("POST", `${doc}/list`, '{"@id": "x"}');
    assert.equal(twin.status, 200);

    const tag = await caddy.etag(`${doc}/a/b`);
    assert.match(tag, /^"\/config\/.*\/doc\/a\/b [0-9a-f]+"$/);
    const withTag = (tag: string) =>
      caddy.ask("POST", `${doc}/list`, "1", { "if-match": tag });
    assert.equal((await withTag(tag)).status, 200);
    await caddy.ask("PATCH", `${doc}/a/b`, "3");
    assert.equal((await withTag(tag)).status, 412);
    for (const malformed of ["*", "abc", 'W/"/config/ x"', '"/config/ a b"']) {
      assert.equal((await withTag(malformed)).status, 400, malformed);
    }
    await caddy.ask("DELETE", `${doc}/a`);
    assert.equal((await withTag(tag)).status, 500);

    const plain = { "content-type": "text/plain" };
    assert.equal((await caddy.ask("POST", `${doc}/a`, "1", plain)).status, 400);
    const bad = await caddy.ask("POST", `${doc}/list`, '{"@id": true}');
    assert.match(bad.body, /@id field must be a string or number/);
    const later = await caddy.ask("POST", `${doc}/list`, "1");
    assert.equal(later.body, bad.body);
  },
);

Deno.test("docs/compatibility.md has every deliberate difference from Caddy", async () => {
  const text = await Deno.readTextFile(
    new URL("../../docs/compatibility.md", import.meta.url),
  );
  const rows = CADDY_DIFFERENCES.map(differenceRow);
  assert.deepEqual(rows.filter((row) => !text.includes(`${row}\n`)), []);
});

async function reset(caddy: Caddy, document: Json | null): Promise<void> {
  const apps = read(document, ["apps"]);
  const { status, body } = await caddy.ask(
    "POST",
    "/config/apps",
    JSON.stringify(apps),
  );
  assert.equal(status, 200, body);
}

async function ask(caddy: Caddy, change: Edit): Promise<CaddyAnswer> {
  const path = formatConfigPath(change.path) + (change.each ? "/..." : "");
  return await caddy.ask(
    change.method,
    path,
    "value" in change ? JSON.stringify(change.value) : undefined,
  );
}

function apply(
  document: Json | null,
  change: Edit,
): [Outcome, Json | null] {
  try {
    return ["done", edit(document, change)];
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return [error.code, document];
  }
}

/** The kind of a refusal, from its text: this release answers 500 for nearly all of them. */
function outcomeOf({ status, body }: CaddyAnswer): Outcome {
  if (status === 200) return "done";
  if (body.includes("key already exists")) return "exists";
  if (body.includes("key does not exist")) return "absent";
  assert.match(
    body,
    /index out of bounds|invalid array index|invalid traversal path|final element is not an array/,
  );
  return "invalid";
}

async function compareRead(
  caddy: Caddy,
  random: SeededRandom,
  document: Json | null,
  what: string,
): Promise<void> {
  const path = randomPath(random, document);
  const theirs = await caddy.ask("GET", formatConfigPath(path));
  const where = `${what}, then GET ${formatConfigPath(path)}`;
  let ours: Json;
  try {
    ours = read(document, path);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    assert.equal(theirs.status, 400, where);
    return;
  }
  assert.equal(theirs.status, 200, `${where}: ${theirs.body}`);
  if (theirs.body === "" && passesListInList(document, path)) return;
  assert.notEqual(theirs.body, "", where);
  assert.equal(fingerprint(JSON.parse(theirs.body)), fingerprint(ours), where);
}

const NAMES = ["a", "list", "new", "a name", "é", "__proto__", "constructor"];
const INDICES = ["0", "1", "2", "7", "00", "x", "-1"];
const VALUES: readonly Json[] = [
  null,
  true,
  7,
  "text",
  [],
  [1, "two"],
  { a: 1 },
  { list: [{ a: {} }], "a name": null },
];

function randomChange(random: SeededRandom, document: Json | null): Edit {
  const path = randomPath(random, document);
  const target = { path, each: random.below(6) === 0 };
  const method = random.pick(
    ["POST", "POST", "PUT", "PATCH", "DELETE"] as const,
  );
  // Without its document the handler would be another one.
  if (path.length === DOC.length && method === "DELETE") {
    return { ...target, method: "POST", value: copy(FIRST) };
  }
  return method === "DELETE"
    ? { ...target, method }
    : { ...target, method, value: copy(random.pick(VALUES)) };
}

/** A walk along the document that seldom leaves it. */
function randomPath(random: SeededRandom, document: Json | null): string[] {
  const path = [...DOC];
  let at: Json | undefined = read(document, DOC);
  const length = random.below(5);
  for (let i = 0; i < length; i++) {
    const names: string[] = typeof at === "object" && at !== null
      ? Object.keys(at)
      : [];
    const name = names.length > 0 && random.below(5) > 0
      ? random.pick(names)
      : random.pick(Array.isArray(at) ? INDICES : NAMES);
    path.push(name);
    at = valueAt(document, path);
  }
  return path;
}

function valueAt(document: Json | null, path: readonly string[]) {
  try {
    return read(document, path);
  } catch {
    return undefined;
  }
}

function passesListInList(document: Json | null, path: readonly string[]) {
  return path.some((_, i) =>
    Array.isArray(valueAt(document, path.slice(0, i))) &&
    Array.isArray(valueAt(document, path.slice(0, i + 1)))
  );
}

const copy = (value: Json) => parseJson(JSON.stringify(value));
