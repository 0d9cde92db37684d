import assert from "node:assert/strict";
import { Deadlines } from "../../net/deadlines.ts";
import { LineReader } from "../../net/line_reader.ts";
import { ClientWatch } from "./client_watch.ts";

/** A client whose bytes, or end, come when the test says so. */
function setup() {
  let now = 1000;
  const deadlines = new Deadlines(100, () => now);
  let give: (count: number | null) => void = () => {};
  let reads = 0;
  let room = 0;
  const reader = new LineReader({
    read: (into) => {
      reads++;
      room = into.length;
      return new Promise((resolve) => {
        give = (count) =>
          resolve(count === null ? null : Math.min(count, into.length));
      });
    },
    write: (bytes) => Promise.resolve(bytes.length),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  });
  let left = 0;
  const watch = new ClientWatch(deadlines, reader, () => left++);
  return {
    watch,
    reader,
    left: () => left,
    reads: () => reads,
    /** Of the read under way. */
    room: () => room,
    async gives(count: number | null) {
      give(count);
      await new Promise((resolve) => setTimeout(resolve));
    },
    pass(ms: number) {
      now += ms;
      deadlines.run();
    },
  };
}

Deno.test("ClientWatch gives a client that has ended time to take its response", async () => {
  const { watch, left, gives, pass } = setup();
  watch.begin();
  await gives(null);
  pass(4000);
  assert.equal(left(), 0);
  pass(2000);
  assert.equal(left(), 1);
});

Deno.test("ClientWatch is content when the response is complete before", async () => {
  const { watch, left, gives, pass } = setup();
  watch.begin();
  await gives(null);
  watch.end();
  pass(60_000);
  assert.equal(left(), 0);
  watch.begin();
  pass(6000);
  assert.equal(left(), 1, "and knows in the next request");
});

Deno.test("ClientWatch reads only so much ahead, and once for any number of requests", async () => {
  const { watch, reader, reads, gives } = setup();
  for (let i = 0; i < 100; i++) {
    watch.begin();
    watch.end();
  }
  assert.equal(reads(), 1);
  watch.begin();
  for (let i = 0; i < 1000; i++) await gives(1024);
  assert.ok(reader.buffered < 32 * 1024, String(reader.buffered));
});

Deno.test("ClientWatch does not wait in the buffer that a long head has needed", async () => {
  const { watch, reader, room, gives } = setup();
  for (let length = 0; length < 60_000; length = reader.buffered) {
    const more = reader.more();
    await gives(1 << 20);
    await more;
  }
  reader.skip(reader.buffered);
  watch.begin();
  assert.ok(room() <= 4096, String(room()));
});
