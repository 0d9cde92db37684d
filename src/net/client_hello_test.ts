import assert from "node:assert/strict";
import { helloOf } from "../../tests/support/hello.ts";
import { MemoryStream } from "../../tests/support/memory_stream.ts";
import { openssl } from "../../tests/support/openssl_client.ts";
import { recordOf, recordsOf } from "../../tests/support/pieces.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import { readClientHello } from "./client_hello.ts";
import { LineReader } from "./line_reader.ts";

const ofRuntime = () =>
  helloOf(async (port) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    using secured = await Deno.startTls(conn, { hostname: "mail.test" });
    await secured.handshake();
  });
const ofOpenssl = (...options: string[]) =>
  helloOf((port) => openssl(port, "-servername", "mail.test", ...options));

function look(bytes: Uint8Array, size: () => number = () => Infinity) {
  return readClientHello(new LineReader(new MemoryStream(bytes, size)));
}

Deno.test("readClientHello sees which clients offer TLS 1.3, and gives every byte on", async () => {
  const cases: [string, Uint8Array, string][] = [
    ["Deno", await ofRuntime(), "tls13"],
    ["openssl", await ofOpenssl(), "tls13"],
    ["openssl 1.3", await ofOpenssl("-tls1_3"), "tls13"],
    ["openssl 1.2", await ofOpenssl("-tls1_2"), "older-tls"],
  ];
  for (const [name, hello, kind] of cases) {
    for (const size of [1, 100, Infinity]) {
      const first = await look(hello, () => size);
      assert.equal(first.kind, kind, name);
      assert.equal(first.serverName, "mail.test", name);
      assert.ok(first.whole, name);
      assert.deepEqual(first.bytes, hello, name);
    }
  }
});

Deno.test("readClientHello leaves what follows the record in the reader", async () => {
  const hello = await ofOpenssl();
  const stream = new MemoryStream(Uint8Array.from([...hello, 1, 2, 3]));
  const reader = new LineReader(stream);
  assert.equal((await readClientHello(reader)).bytes.length, hello.length);
  assert.deepEqual(await reader.readBytes(3), Uint8Array.of(1, 2, 3));
});

Deno.test("readClientHello takes a hello that ends early for an end, wherever that is", async () => {
  const hello = await ofOpenssl();
  for (let length = 0; length < hello.length; length += 13) {
    const first = await look(hello.subarray(0, length));
    assert.equal(first.kind, "ended", `${length} bytes`);
  }
});

Deno.test("readClientHello joins the records of a hello, wherever it is cut", async () => {
  const hello = await ofOpenssl();
  const length = hello.length - 5;
  const cuts = [
    ...Array.from({ length: 50 }, (_, i) => [i + 1]),
    [length - 1],
    [1, 2, 3, 4, 5, 100],
    [20, 100, length - 2, length - 1],
    Array.from({ length: length - 1 }, (_, i) => i + 1),
  ];
  for (const at of cuts) {
    for (const size of [1, 7, Infinity]) {
      const sent = Uint8Array.from([...recordsOf(hello, at), 1, 2, 3]);
      const reader = new LineReader(new MemoryStream(sent, () => size));
      const { kind, whole, serverName, bytes } = await readClientHello(reader);
      assert.equal(kind, "tls13", `${at}`);
      assert.ok(whole, `${at}`);
      assert.equal(serverName, "mail.test", `${at}`);
      assert.deepEqual(bytes, hello, `${at}`);
      assert.deepEqual(await reader.readBytes(3), Uint8Array.of(1, 2, 3));
    }
  }
});

Deno.test("readClientHello takes a hello that ends between its records for an end", async () => {
  const records = recordsOf(await ofOpenssl(), [10, 100]);
  for (let length = 0; length < records.length; length += 7) {
    const { kind } = await look(records.subarray(0, length));
    assert.equal(kind, "ended", `${length} bytes`);
  }
});

Deno.test("readClientHello gives on what is no whole hello, every byte of it", async () => {
  const [first, second] = [10, 3].map((n) => new Uint8Array(n).fill(1));
  const start = recordOf(Uint8Array.of(1, 0, 2, 0, ...first!));
  const tooLong = recordOf(Uint8Array.of(1, 1, 0, 0, ...first!));
  const cases = {
    "an alert between the records": [start, Uint8Array.of(0x15)],
    "an empty record between them": [start, recordOf(new Uint8Array(0))],
    "a record that is too long": [
      start,
      Uint8Array.of(0x16, 3, 1, 0xff, 0xff),
    ],
    "more than fits into a record": [start, recordOf(new Uint8Array(16384))],
    "a message that fits into no record": [tooLong],
    "another message": [recordOf(Uint8Array.of(2, 0, 2, 0, ...second!))],
    "nothing": [recordOf(new Uint8Array(0))],
  };
  for (const [name, pieces] of Object.entries(cases)) {
    const consumed = pieces.flatMap((piece) => [...piece]);
    const reader = new LineReader(
      new MemoryStream(Uint8Array.from([...consumed, 42])),
    );
    const hello = await readClientHello(reader);
    assert.equal(hello.whole, false, name);
    assert.deepEqual([...hello.bytes], consumed, name);
    assert.deepEqual(await reader.readBytes(1), Uint8Array.of(42), name);
  }
});

Deno.test("readClientHello knows what is no TLS", async () => {
  for (const text of ["a1 LOGIN x y\r\n", "GET / HTTP/1.1\r\n", "\0\0\0\0\0"]) {
    const first = await look(new TextEncoder().encode(text));
    assert.equal(first.kind, "not-tls");
  }
  const tooLong = Uint8Array.of(0x16, 3, 1, 0xff, 0xff, 1, 0, 0);
  assert.equal((await look(tooLong)).kind, "not-tls");
});

Deno.test("readClientHello never throws on noise", async () => {
  const random = new SeededRandom(42);
  const hello = await ofOpenssl();
  for (let round = 0; round < 2000; round++) {
    const noise = hello.slice();
    for (let i = 0; i < 1 + random.below(8); i++) {
      noise[5 + random.below(noise.length - 5)] = random.below(256);
    }
    const { kind, bytes } = await look(noise);
    // A message that claims to be longer waits for more.
    if (kind === "ended") continue;
    assert.match(kind, /^(tls13|older-tls)$/, `round ${round}`);
    assert.deepEqual(bytes, noise, `round ${round}`);
  }
  for (let round = 0; round < 500; round++) {
    const noise = Uint8Array.from(
      { length: random.below(300) },
      () => random.below(256),
    );
    noise[0] = 0x16;
    await look(noise);
  }
});
