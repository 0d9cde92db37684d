import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { noPredecessors } from "../../../tests/support/nobody_takes_over.ts";
import { BASE, configOf } from "../../config/testing.ts";
import { type MappingStore, StoreError } from "../../store/store.ts";
import type { ImportMode, ImportRequest } from "../api_bulk.ts";
import { ClusterLink } from "../cluster/cluster_link.ts";
import type { Parts } from "../parts.ts";
import { Bulk, type CarryOut } from "./bulk.ts";
import { unbroken } from "./import_body.ts";
import { Importing } from "./importing.ts";

const CONFIG = configOf(
  BASE.replace("[mapping]", '[mapping]\nnormalize = "lowercase"'),
);

/** What a thread of its own does otherwise. */
const importHere: CarryOut = ({ store }, request, config, clock) => {
  const { rows, signal, ...task } = request;
  const body = unbroken(rows, signal, clock);
  return new Importing(store, config, task, body, clock).run();
};

/** A store of batches of its own, as in another program. */
function setup() {
  const mappings = new Map<string, string>();
  const batches: number[] = [];
  const forgotten: (readonly string[] | null)[] = [];
  /** Throws where a write is to fail; called before each batch. */
  const before: { write: (changes: ReadonlyMap<string, unknown>) => void } = {
    write() {},
  };
  const store = {
    source: "redis",
    writable: true,
    get: (each: string) => Promise.resolve(mappings.get(each) ?? null),
    // deno-lint-ignore require-await
    async write(changes: ReadonlyMap<string, string | null>) {
      before.write(changes);
      batches.push(changes.size);
      for (const [identifier, destination] of changes) {
        if (destination === null) mappings.delete(identifier);
        else mappings.set(identifier, destination);
      }
    },
    health: () => ({ serving: true, problem: null }),
    unstorable: (each: string) => each.startsWith("#") ? "begins with #" : null,
    list: () =>
      Promise.reject(new StoreError("bad-data", "mappings cannot be listed")),
  } as unknown as MappingStore;
  const parts = {
    store,
    resolver: { invalidate() {}, outdate() {} },
    supervisor: {
      ask(_: string, { identifiers }: { identifiers: string[] | null }) {
        forgotten.push(identifiers);
        return Promise.resolve([]);
      },
    },
    predecessors: noPredecessors(),
    cluster: new ClusterLink(),
  } as unknown as Parts;
  const clock = new FakeClock();
  const bulk = new Bulk(parts, () => CONFIG, clock, importHere);
  const run = (
    text: string | AsyncIterable<Uint8Array>,
    mode: ImportMode = "all-or-nothing",
    more: Partial<ImportRequest> = {},
  ) =>
    bulk.import({
      rows: ReadableStream.from(
        typeof text === "string" ? streamOf(text) : text,
      ),
      format: "tsv",
      mode,
      dryRun: false,
      signal: new AbortController().signal,
      ...more,
    });
  return { bulk, run, mappings, batches, forgotten, before, clock };
}

async function* streamOf(text: string): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 777) {
    yield await Promise.resolve(bytes.subarray(at, at + 777));
  }
}

const rows = (count: number, destination = "new") =>
  Array.from({ length: count }, (_, i) => `user${i}\t${destination}\n`).join(
    "",
  );

const BAD = "A\tnew\nno tab\nb c\tnew\n#x\tnew\nd\tnowhere\n\na\told\nE\tnew\n";
const ERRORS = [
  { line: 2, reason: "no tab between an identifier and a destination" },
  {
    line: 3,
    reason: "identifier has a control character, white space or a quote",
  },
  { line: 4, reason: "begins with #" },
  { line: 5, reason: 'unknown destination "nowhere"' },
];

Deno.test("an import with bad lines names each, and writes none or the good ones as asked", async () => {
  for (const mode of ["all-or-nothing", "best-effort"] as const) {
    const { run, mappings, forgotten } = setup();
    const report = await run(BAD, mode);
    const isAll = mode === "all-or-nothing";
    assert.deepEqual(report, {
      result: isAll ? "refused" : "imported",
      problem: isAll ? "4 bad lines: nothing was written" : null,
      lines: 7,
      accounts: 2,
      repeated: 1,
      written: isAll ? 0 : 2,
      bad_lines: 4,
      errors: ERRORS,
    });
    // The last of two rows for an account counts.
    assert.deepEqual([...mappings], isAll ? [] : [["a", "old"], ["e", "new"]]);
    assert.deepEqual(forgotten, isAll ? [] : [["a", "e"]]);
    const dry = await setup().run(BAD, mode, { dryRun: true });
    assert.deepEqual(
      [dry.result, dry.written, dry.bad_lines, dry.accounts],
      [isAll ? "refused" : "checked", 0, 4, 2],
    );
  }
});

Deno.test("an import goes to the store in batches, and very many accounts are forgotten together", async () => {
  for (const mode of ["all-or-nothing", "best-effort"] as const) {
    const { run, mappings, batches, forgotten } = setup();
    assert.equal((await run(rows(2500), mode)).written, 2500);
    assert.equal(mappings.size, 2500);
    assert.equal(Math.max(...batches), 1000);
    assert.equal(forgotten[0]!.length, 2500);
    assert.equal((await run(rows(12_000, "old"), mode)).written, 12_000);
    assert.deepEqual(forgotten[1], null);
  }
});

Deno.test("an import that the store fails half-way puts back what it wrote, where it is all or nothing", async () => {
  const { run, mappings, before, forgotten } = setup();
  mappings.set("user0", "old");
  mappings.set("user2999", "old");
  let writes = 0;
  before.write = () => {
    if (++writes === 3) throw new StoreError("unavailable", "connection lost");
  };
  const report = await run(rows(3000));
  assert.equal(report.result, "failed");
  assert.equal(
    report.problem,
    "the mapping store: connection lost; what was written is put back",
  );
  assert.equal(report.written, 0);
  assert.deepEqual([...mappings], [["user0", "old"], ["user2999", "old"]]);
  assert.equal(forgotten[0]!.length, 3000);

  before.write = () => {
    if (++writes > 6) throw new StoreError("unavailable", "gone for good");
  };
  writes = 5;
  const lost = await run(rows(3000));
  assert.match(lost.problem!, /put back, but for 1000 accounts that may/);
  assert.equal(lost.written, 1000);
});

Deno.test("an import with best effort writes what the store does not refuse", async () => {
  const { run, mappings, before } = setup();
  before.write = (changes) => {
    if (changes.has("user7")) {
      throw new StoreError("write-failed", "value too long");
    }
  };
  const report = await run(rows(20), "best-effort");
  assert.deepEqual(
    [report.result, report.written, report.errors],
    ["imported", 19, [{ line: 8, reason: "value too long" }]],
  );
  assert.equal(mappings.size, 19);
  before.write = () => {
    throw new StoreError("write-failed", "permission denied");
  };
  const none = await run(rows(5000), "best-effort");
  assert.deepEqual(
    [none.result, none.problem, none.written],
    ["failed", "the mapping store: permission denied", 0],
  );
  assert.ok(none.bad_lines <= 2000, "it gave up");
});

Deno.test("an import with best effort asks the store a few times more for a few rows that it refuses", async () => {
  const { run, mappings, before } = setup();
  let writes = 0;
  before.write = (changes) => {
    writes++;
    if (changes.has("user7") || changes.has("user1800")) {
      throw new StoreError("write-failed", "value too long");
    }
  };
  const report = await run(rows(3000), "best-effort");
  assert.deepEqual(
    [report.written, report.errors.map(({ line }) => line)],
    [2998, [8, 1801]],
  );
  assert.equal(mappings.size, 2998);
  assert.ok(writes < 50, `${writes} writes`);
});

Deno.test("an import whose body breaks off writes nothing, or what was good until then", async () => {
  async function* broken() {
    yield* streamOf(rows(3000));
    throw new Error("connection reset");
  }
  const all = setup();
  const none = await all.run(broken());
  assert.equal(none.result, "failed");
  assert.match(none.problem!, /^the body broke off behind 3000 lines/);
  assert.equal(all.mappings.size, 0);
  const some = setup();
  const part = await some.run(broken(), "best-effort");
  assert.equal(part.result, "failed");
  assert.equal(part.written, some.mappings.size);
  assert.ok(part.written >= 2000);
});

Deno.test("one import at a time; a store that cannot list says so", async () => {
  const { bulk, run } = setup();
  const gate = Promise.withResolvers<void>();
  async function* slow() {
    await gate.promise;
    yield new Uint8Array();
  }
  const first = run(slow());
  await assert.rejects(run("a\tnew\n"), { code: "conflict" });
  gate.resolve();
  assert.equal((await first).result, "imported");
  assert.equal((await run("a\tnew\n")).written, 1);
  await assert.rejects(bulk.export(null), {
    code: "failed",
    message: "mappings cannot be listed",
  });
});

Deno.test("an import whose client falls silent, or whose proxy stops, ends", async () => {
  for (const how of ["silence", "stop"]) {
    const { run, clock, mappings } = setup();
    const waits = Promise.withResolvers<void>();
    const silent = async function* () {
      yield* streamOf("a\tnew\n");
      waits.resolve();
      await new Promise(() => {});
    };
    const stop = new AbortController();
    const report = run(silent(), "all-or-nothing", { signal: stop.signal });
    await waits.promise;
    if (how === "silence") clock.advance(60_000);
    else stop.abort(new Error("the proxy is stopping"));
    const { result, problem } = await report;
    assert.equal(result, "failed");
    const why = how === "silence" ? "nothing came for 60 s" : "is stopping";
    assert.ok(problem!.includes(why), problem!);
    assert.equal(mappings.size, 0);
    assert.equal(clock.armed, 0);
  }
});

Deno.test("an import ends where its proxy was stopped before the first row was asked for", async () => {
  const { run, mappings, clock } = setup();
  const signal = AbortSignal.abort(new Error("the proxy is stopping"));
  const { result, problem, lines } = await run(rows(3000), "best-effort", {
    signal,
  });
  assert.deepEqual([result, lines], ["failed", 0]);
  assert.match(problem!, /the proxy is stopping/);
  assert.equal(mappings.size, 0);
  assert.equal(clock.armed, 0);
});
