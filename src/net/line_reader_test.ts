import assert from "node:assert/strict";
import { MemoryStream } from "../../tests/support/memory_stream.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import type { ByteStream } from "./byte_stream.ts";
import { LineReader, LineTooLong } from "./line_reader.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** A reader whose peer has sent this, in pieces of these sizes. */
function readerOf(input: string, size: () => number = () => Infinity) {
  return new LineReader(new MemoryStream(bytes(input), size));
}

/** A stream that gives what the test feeds it, when it does. */
class FedStream implements ByteStream {
  #reads: { into: Uint8Array; done: (count: number | null) => void }[] = [];
  #fed: (Uint8Array | null)[] = [];
  reads = 0;

  feed(chunk: string | null): void {
    this.#fed.push(chunk === null ? null : bytes(chunk));
    this.#match();
  }
  read(into: Uint8Array): Promise<number | null> {
    this.reads++;
    return new Promise((done) => {
      this.#reads.push({ into, done });
      this.#match();
    });
  }
  #match(): void {
    while (this.#reads.length > 0 && this.#fed.length > 0) {
      const { into, done } = this.#reads.shift()!;
      const chunk = this.#fed.shift()!;
      if (chunk !== null) into.set(chunk);
      done(chunk?.length ?? null);
    }
  }
  write = (data: Uint8Array) => Promise.resolve(data.length);
  closeWrite = () => Promise.resolve();
  close = () => {};
}

Deno.test("LineReader.readLine takes CRLF and bare LF, and tells them apart", async () => {
  const reader = readerOf("one\r\ntwo\nthr\ree\r\n\r\n\n\r\r\nrest");
  const lines = [];
  for (let line; (line = await reader.readLine(100));) {
    lines.push([text(line.bytes), line.bare]);
  }
  assert.deepEqual(lines, [
    ["one", false],
    ["two", true],
    ["thr\ree", false],
    ["", false],
    ["", true],
    ["\r", false],
  ]);
  assert.equal(await reader.readLine(100), null, "an unfinished line is none");
});

for (const size of [1, 2, 7, Infinity]) {
  Deno.test(`LineReader.readLine holds its limit with pieces of ${size}`, async () => {
    const of = (input: string) => readerOf(input, () => size);
    for (const end of ["\r\n", "\n"]) {
      const line = await of("x".repeat(1000) + end).readLine(1000);
      assert.equal(line?.bytes.length, 1000);
      await assert.rejects(
        of("x".repeat(1001) + end).readLine(1000),
        LineTooLong,
      );
    }
    await assert.rejects(of("x".repeat(5000)).readLine(1000), LineTooLong);
    assert.equal((await of("\r\n").readLine(0))?.bytes.length, 0);
    await assert.rejects(of("x\r\n").readLine(0), LineTooLong);
  });
}

Deno.test("LineReader does not read beyond the limit of an endless line", async () => {
  const stream = new FedStream();
  const reader = new LineReader(stream);
  const line = reader.readLine(100);
  stream.feed("x".repeat(512));
  await assert.rejects(line, LineTooLong);
  assert.equal(stream.reads, 1);
  assert.ok(reader.buffered <= 512);
});

Deno.test("LineReader.readBytes counts across lines, and gives nothing of a stream that ends before", async () => {
  const reader = readerOf("{5}\r\na\r\nbc)\r\nfew", () => 3);
  assert.equal(text((await reader.readLine(10))!.bytes), "{5}");
  assert.equal(text((await reader.readBytes(5))!), "a\r\nbc");
  assert.equal(text((await reader.readLine(10))!.bytes), ")");
  assert.equal((await reader.readBytes(0))!.length, 0);
  assert.equal(await reader.readBytes(4), null);
});

Deno.test("LineReader treats a failed read as the end", async () => {
  const stream = new MemoryStream(bytes(""));
  stream.read = () => Promise.reject(new Deno.errors.BadResource("closed"));
  const reader = new LineReader(stream);
  assert.equal(await reader.readLine(10), null);
  assert.equal(await reader.readBytes(1), null);
  assert.equal(await reader.watch(10), "ended");
});

Deno.test("LineReader.watch and readLine share the read under way", async () => {
  const stream = new FedStream();
  const reader = new LineReader(stream);
  const watched = reader.watch(8);
  const line = reader.readLine(100);
  stream.feed("a1 N");
  stream.feed("OOP\r\n");
  assert.equal(text((await line)!.bytes), "a1 NOOP");
  stream.feed("a2 NOOP\r\n");
  assert.equal(await watched, "full");
  assert.equal(text((await reader.readLine(100))!.bytes), "a2 NOOP");
  assert.equal(reader.buffered, 0);
  assert.equal(stream.reads, 3);
});

Deno.test("LineReader.watch notices the end with lines still waiting", async () => {
  const stream = new FedStream();
  const reader = new LineReader(stream);
  const watched = reader.watch(1000);
  stream.feed("a1 NOOP\r\n");
  stream.feed(null);
  assert.equal(await watched, "ended");
  assert.equal(text((await reader.readLine(100))!.bytes), "a1 NOOP");
  assert.equal(await reader.readLine(100), null);
});

Deno.test("LineReader.handOver gives the bytes that wait and the read under way", async () => {
  const stream = new FedStream();
  const reader = new LineReader(stream);
  const watched = reader.watch(1000);
  stream.feed("first\r\nsecond");
  assert.equal(text((await reader.readLine(100))!.bytes), "first");
  // The watch has begun another read, which nobody can call off.
  await Promise.resolve();
  const { buffered, pending } = reader.handOver();
  assert.equal(text(buffered), "second");
  assert.ok(pending);
  stream.feed(" third");
  const count = await pending.read;
  assert.equal(text(pending.into.subarray(0, count!)), " third");
  assert.equal(text(buffered), "second", "the hand-over is a copy");
  assert.equal(await watched, "ended");
  assert.equal(await reader.readLine(10), null);
});

Deno.test("LineReader.handOver of an idle reader gives nothing", () => {
  const { buffered, pending } = readerOf("unread").handOver();
  assert.equal(buffered.length, 0);
  assert.equal(pending, null);
});

Deno.test("LineReader agrees with a simple model, whatever the pieces", async () => {
  const random = new SeededRandom(20260731);
  for (let round = 0; round < 300; round++) {
    const input = Array.from(
      { length: random.below(3000) },
      () => random.pick(["a", "b", "\r", "\n", "\r\n", "xyz".repeat(20)]),
    ).join("").slice(0, 3000);
    const reader = readerOf(input, () => 1 + random.below(700));
    const limit = 200 + random.below(2000);
    let rest = input;
    for (;;) {
      if (random.below(3) === 0) {
        const count = random.below(900);
        const got = await reader.readBytes(count);
        if (rest.length < count) {
          assert.equal(got, null, `round ${round}`);
          break;
        }
        assert.equal(text(got!), rest.slice(0, count), `round ${round}`);
        rest = rest.slice(count);
        continue;
      }
      const at = rest.indexOf("\n");
      const bare = rest[at - 1] !== "\r";
      const expected = rest.slice(0, bare ? at : at - 1);
      const tooLong = at < 0
        ? rest.length > limit + 1
        : expected.length > limit;
      if (tooLong) {
        await assert.rejects(reader.readLine(limit), LineTooLong);
        break;
      }
      const line = await reader.readLine(limit);
      if (at < 0) {
        assert.equal(line, null, `round ${round}`);
        break;
      }
      assert.equal(text(line!.bytes), expected, `round ${round}`);
      assert.equal(line!.bare, bare, `round ${round}`);
      rest = rest.slice(at + 1);
    }
  }
});

Deno.test("peek shows bytes and leaves them, and what there is at the end", async () => {
  const reader = readerOf("abc\r\nd", () => 1);
  assert.equal(text(await reader.peek(2)), "ab");
  assert.equal(text(await reader.peek(4)), "abc\r");
  assert.equal(text((await reader.readLine(10))!.bytes), "abc");
  assert.equal(text(await reader.peek(9)), "d");
  assert.equal(text((await reader.readBytes(1))!), "d");
  assert.equal((await reader.peek(1)).length, 0);
});

Deno.test("waiting shows what is there until it is skipped, in a buffer that is as large as asked", async () => {
  const reader = readerOf("first\r\n" + "x".repeat(5000));
  assert.equal(text((await reader.readLine(10))!.bytes), "first");
  const some = (await reader.waiting(8192))!;
  reader.skip(some.length);
  const more = (await reader.waiting(8192))!;
  assert.equal(some.length + more.length, 5000);
  assert.ok(more.length > 512);
  reader.skip(more.length - 1);
  reader.resize();
  assert.equal(text((await reader.waiting(8192))!), "x");
  reader.skip(1);
  assert.equal(await reader.waiting(8192), null);
});

Deno.test("LineReader.more reads on behind what waits, and view shows it without taking it", async () => {
  const reader = readerOf("one\r\ntwo", () => 5);
  assert.equal(reader.view.length, 0);
  assert.equal(await reader.more(), true);
  assert.equal(text(reader.view), "one\r\n");
  reader.skip(2);
  assert.equal(await reader.more(), true);
  assert.equal(text(reader.view), "e\r\ntwo");
  assert.equal(await reader.more(), false);
  assert.equal(text(reader.view), "e\r\ntwo", "the end takes nothing");
});
