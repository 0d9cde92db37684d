import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/random.ts";
import { SortedRows } from "./sorted_rows.ts";

const sortedEntries = <V>(map: Map<string, V>): [string, V][] =>
  [...map].sort(([a], [b]) => a < b ? -1 : 1);

async function changed(
  rows: SortedRows,
  changes: Map<string, string | null>,
): Promise<SortedRows> {
  const pieces = rows.changed(sortedEntries(changes).values());
  return new SortedRows(await Array.fromAsync(pieces));
}

Deno.test("SortedRows have what a Map has after the same changes, in ascending order", async () => {
  const random = new SeededRandom(11);
  const model = new Map<string, string>();
  let rows = new SortedRows([]);
  const account = () => `user${random.below(12_000)}`;
  for (const size of [1, 9000, 1, 3, 500, 6000, 1, 9000, 20_000]) {
    const changes = new Map<string, string | null>();
    for (let i = 0; i < size; i++) {
      changes.set(account(), ["old", "new", null][random.below(3)]!);
    }
    for (const [identifier, destination] of changes) {
      if (destination === null) model.delete(identifier);
      else model.set(identifier, destination);
    }
    rows = await changed(rows, changes);
    const wanted = sortedEntries(model);
    assert.equal(
      rows.pieces.map(({ text }) => text).join(""),
      wanted.map(([a, b]) => `${a}\t${b}\n`).join(""),
    );
    assert.equal(rows.size, wanted.length);
    assert.deepEqual(rows.names(), new Set(model.values()));
    for (let i = 0; i < 300; i++) {
      const identifier = account();
      assert.equal(rows.get(identifier), model.get(identifier) ?? null);
    }
    const listed: [string, string][] = [];
    for (let after: string | null = null;;) {
      const { mappings, next } = rows.page(after, 700);
      for (const { identifier, destination } of mappings) {
        listed.push([identifier, destination]);
      }
      if (next === null) break;
      after = next;
    }
    assert.deepEqual(listed, wanted);
    assert.deepEqual([...rows.all()].length, wanted.length);
  }
  const none = await changed(
    rows,
    new Map([...model.keys()].map((each) => [each, null])),
  );
  assert.deepEqual(none.pieces, []);
});

Deno.test("SortedRows share the pieces in which nothing has changed", async () => {
  const many = new Map(
    Array.from({ length: 50_000 }, (_, i) => [`user${i}`, "old"]),
  );
  const before = await changed(new SortedRows([]), many);
  let after = before;
  for (let i = 0; i < 3000; i++) {
    after = await changed(after, new Map([[`user25000-${i}`, "new"]]));
  }
  assert.equal(after.size, 53_000);
  const kept = after.pieces.filter((piece) => before.pieces.includes(piece));
  const changedPieces = after.pieces.length - kept.length;
  assert.ok(kept.length >= before.pieces.length - 2, `${kept.length} kept`);
  assert.ok(changedPieces < 20, `${changedPieces} others`);
});
