import assert from "node:assert/strict";
import { helloOf } from "../../tests/support/hello.ts";
import { MemoryStream } from "../../tests/support/memory_stream.ts";
import { openssl } from "../../tests/support/openssl_client.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import { readFirstRecord } from "./client_hello.ts";
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
  return readFirstRecord(new LineReader(new MemoryStream(bytes, size)));
}

Deno.test("readFirstRecord sees which clients offer TLS 1.3, and gives every byte on", async () => {
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
      assert.deepEqual(first.bytes, hello, name);
    }
  }
});

Deno.test("readFirstRecord leaves what follows the record in the reader", async () => {
  const hello = await ofOpenssl();
  const stream = new MemoryStream(Uint8Array.from([...hello, 1, 2, 3]));
  const reader = new LineReader(stream);
  assert.equal((await readFirstRecord(reader)).bytes.length, hello.length);
  assert.deepEqual(await reader.readBytes(3), Uint8Array.of(1, 2, 3));
});

Deno.test("readFirstRecord takes a hello that ends early for an end, wherever that is", async () => {
  const hello = await ofOpenssl();
  for (let length = 0; length < hello.length; length += 13) {
    const first = await look(hello.subarray(0, length));
    assert.equal(first.kind, "ended", `${length} bytes`);
  }
});

Deno.test("readFirstRecord takes a record with half a hello for one without an offer", async () => {
  const hello = await ofOpenssl();
  for (let length = 5; length < hello.length; length += 13) {
    const cut = hello.slice(0, length);
    new DataView(cut.buffer).setUint16(3, length - 5);
    const { kind, bytes } = await look(cut);
    assert.match(kind, /^(tls13|older-tls)$/);
    assert.deepEqual(bytes, cut);
  }
});

Deno.test("readFirstRecord knows what is no TLS", async () => {
  for (const text of ["a1 LOGIN x y\r\n", "GET / HTTP/1.1\r\n", "\0\0\0\0\0"]) {
    const first = await look(new TextEncoder().encode(text));
    assert.equal(first.kind, "not-tls");
  }
  const tooLong = Uint8Array.of(0x16, 3, 1, 0xff, 0xff, 1, 0, 0);
  assert.equal((await look(tooLong)).kind, "not-tls");
});

Deno.test("readFirstRecord never throws on noise", async () => {
  const random = new SeededRandom(42);
  const hello = await ofOpenssl();
  for (let round = 0; round < 2000; round++) {
    const noise = hello.slice();
    for (let i = 0; i < 1 + random.below(8); i++) {
      noise[5 + random.below(noise.length - 5)] = random.below(256);
    }
    const { kind, bytes } = await look(noise);
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
