import assert from "node:assert/strict";
import { Ground } from "../../tests/support/proxy_config.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import { until, within } from "../../tests/support/wait.ts";
import { bridge, close, type Flow } from "./bridge.ts";
import { type ByteStream, writeAll } from "./byte_stream.ts";
import { libc } from "./libc.ts";
import { LineReader } from "./line_reader.ts";
import { loopbackPair } from "./loopback.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const bytes = (text: string) => new TextEncoder().encode(text);

/** Two outer ends whose inner ends a bridge can be put between. */
async function ends() {
  const [client, left] = await loopbackPair();
  const [backend, right] = await loopbackPair();
  const flow: Flow = { forward: 0, backward: 0, active: false };
  return {
    client,
    left,
    backend,
    right,
    flow,
    [Symbol.dispose]() {
      for (const each of [client, left, backend, right]) close(each);
    },
  };
}

async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const all: number[] = [];
  const into = new Uint8Array(65536);
  for (let count; (count = await stream.read(into)) !== null;) {
    for (const byte of into.subarray(0, count)) all.push(byte);
  }
  return Uint8Array.from(all);
}

async function readText(stream: ByteStream, length: number): Promise<string> {
  let all = "";
  while (all.length < length) {
    const into = new Uint8Array(length - all.length);
    const count = await within("bytes", stream.read(into));
    if (count === null) break;
    all += new TextDecoder().decode(into.subarray(0, count));
  }
  return all;
}

Deno.test("bridge copies both ways, counts, and keeps half-closes", async () => {
  using all = await ends();
  const { client, left, backend, right, flow } = all;
  const over = bridge({ stream: left }, { stream: right }, flow);
  await writeAll(client, bytes("question"));
  assert.equal(await readText(backend, 8), "question");
  await client.closeWrite();
  assert.equal(
    await within("half-close", backend.read(new Uint8Array(1))),
    null,
  );
  // The other direction goes on after it.
  await writeAll(backend, bytes("late answer"));
  assert.equal(await readText(client, 11), "late answer");
  await backend.closeWrite();
  assert.equal(await within("end", client.read(new Uint8Array(1))), null);
  assert.deepEqual(await within("over", over), {
    first: "forward",
    orderly: true,
  });
  assert.deepEqual({ ...flow, active: true }, {
    forward: 8,
    backward: 11,
    active: true,
  });
});

Deno.test("bridge says when the backend was the first to stop", async () => {
  using all = await ends();
  const { client, left, backend, right, flow } = all;
  const over = bridge({ stream: left }, { stream: right }, flow);
  backend.close();
  assert.equal(await within("end", client.read(new Uint8Array(1))), null);
  client.close();
  assert.equal((await within("over", over)).first, "backward");
});

Deno.test("bridge passes on what readers had taken, and the reads under way", async () => {
  using all = await ends();
  const { client, left, backend, right, flow } = all;
  const reader = new LineReader(left);
  const watched = reader.watch(1000);
  await writeAll(client, bytes("login\r\nnext1"));
  assert.ok(await within("line", reader.readLine(100)));
  const taken = reader.handOver();
  assert.equal(new TextDecoder().decode(taken.buffered), "next1");
  assert.ok(taken.pending);
  const over = bridge({ stream: left, taken }, { stream: right }, flow);
  await writeAll(client, bytes("next2"));
  assert.equal(await readText(backend, 10), "next1next2");
  assert.equal(flow.forward, 10);
  client.close();
  backend.close();
  await within("over", over);
  assert.equal(await watched, "ended");
});

Deno.test("bridge ends both directions on an error of one stream", async () => {
  using all = await ends();
  const { left, backend, right, client, flow } = all;
  const failing: ByteStream = {
    read: () => Promise.reject(new Deno.errors.ConnectionReset("reset")),
    write: (data) => left.write(data),
    closeWrite: () => left.closeWrite(),
    close: () => left.close(),
  };
  const result = await within(
    "over",
    bridge({ stream: failing }, { stream: right }, flow),
  );
  assert.deepEqual(result, { first: "forward", orderly: false });
  assert.equal(await within("end", backend.read(new Uint8Array(1))), null);
  assert.equal(await within("end", client.read(new Uint8Array(1))), null);
});

Deno.test("bridge ends when its streams are closed under it", async () => {
  using all = await ends();
  const { left, right, flow } = all;
  const over = bridge({ stream: left }, { stream: right }, flow);
  left.close();
  right.close();
  assert.equal((await within("over", over)).orderly, false);
});

Deno.test("bridge holds a bounded amount for a client that does not read", async () => {
  using all = await ends();
  const { client, left, backend, right, flow } = all;
  const stuck: ByteStream = {
    read: (into) => left.read(into),
    write: () => new Promise(() => {}),
    closeWrite: () => left.closeWrite(),
    close: () => left.close(),
  };
  let taken = 0;
  const counted: ByteStream = {
    async read(into) {
      const count = await right.read(into);
      taken += count ?? 0;
      return count;
    },
    write: (data) => right.write(data),
    closeWrite: () => right.closeWrite(),
    close: () => right.close(),
  };
  void bridge({ stream: stuck }, { stream: counted }, flow);
  await writeAll(backend, new Uint8Array(100_000));
  // The other direction shows that time has passed, and is not held up.
  for (let i = 0; i < 5; i++) {
    await writeAll(client, bytes("ping"));
    assert.equal(await readText(backend, 4), "ping");
  }
  assert.ok(taken > 0 && taken <= 64 * 1024, `${taken} bytes`);
});

Deno.test("bridge finishes writes that are taken in parts", async () => {
  using all = await ends();
  const { client, left, backend, right, flow } = all;
  const random = new SeededRandom(3);
  const halting: ByteStream = {
    read: (into) => right.read(into),
    write: (data) =>
      right.write(data.subarray(0, 1 + random.below(data.length))),
    closeWrite: () => right.closeWrite(),
    close: () => right.close(),
  };
  const over = bridge({ stream: left }, { stream: halting }, flow);
  const sent = Uint8Array.from({ length: 50_000 }, () => random.below(256));
  const got = readAll(backend);
  await writeAll(client, sent);
  await client.closeWrite();
  assert.deepEqual(await within("all", got), sent);
  backend.close();
  await within("over", over);
});

Deno.test("bridge reads bulk into large buffers, and goes back to small ones", async () => {
  const sizes: number[] = [];
  const counts = [512, 65536, 65536, 10, 10, 10, 512, 600, 5000, 10];
  const scripted: ByteStream = {
    read(into) {
      sizes.push(into.length);
      const count = counts.shift();
      return Promise.resolve(
        count === undefined ? null : Math.min(count, into.length),
      );
    },
    write: (data) => Promise.resolve(data.length),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  };
  const silent: ByteStream = { ...scripted, read: () => Promise.resolve(null) };
  const flow: Flow = { forward: 0, backward: 0, active: false };
  await bridge({ stream: scripted }, { stream: silent }, flow);
  const small = 512;
  const large = 65536;
  assert.deepEqual(sizes, [
    small,
    large,
    large,
    large,
    large,
    small,
    small,
    large,
    large,
    large,
    large,
  ]);
  assert.equal(flow.forward, 512 + 65536 + 65536 + 30 + 512 + 600 + 5000 + 10);
});

Deno.test("bridge carries megabytes unchanged both ways at once", async () => {
  using all = await ends();
  const { client, left, backend, right, flow } = all;
  const over = bridge({ stream: left }, { stream: right }, flow);
  const size = 3_000_000;
  const pattern = (seed: number) =>
    Uint8Array.from({ length: size }, (_, i) => (i * seed + (i >> 8)) & 0xff);
  const send = async (stream: Deno.TcpConn, seed: number) => {
    await writeAll(stream, pattern(seed));
    await stream.closeWrite();
  };
  const [, , atBackend, atClient] = await within(
    "transfer",
    Promise.all([
      send(client, 7),
      send(backend, 11),
      readAll(backend),
      readAll(client),
    ]),
  );
  assert.deepEqual(atBackend, pattern(7));
  assert.deepEqual(atClient, pattern(11));
  await within("over", over);
  assert.equal(flow.forward, size);
  assert.equal(flow.backward, size);
});

/** Write until a write fails; `sent` is told how many there were. */
async function flood(
  stream: ByteStream,
  sent: (chunks: number) => void = () => {},
): Promise<string> {
  const chunk = new Uint8Array(64 * 1024);
  for (let chunks = 1;; chunks++) {
    try {
      await writeAll(stream, chunk);
      sent(chunks);
    } catch {
      return "failed";
    }
  }
}

Deno.test("close ends a bridge whose peers have both stopped reading", async () => {
  using all = await ends();
  const { client, left, backend, right, flow } = all;
  const bridged = bridge({ stream: left }, { stream: right }, flow);
  const floods = [flood(client), flood(backend)];
  let passed = -1;
  await until("both directions are stuck", () => {
    const before = passed;
    passed = flow.forward + flow.backward;
    return flow.forward > 0 && flow.backward > 0 && passed === before;
  });
  close(left);
  close(right);
  const { orderly } = await within("the end of the bridge", bridged);
  assert.equal(orderly, false);
  await within("the end of the floods", Promise.all(floods));
});

Deno.test("close fails a write of a TLS connection whose peer does not read", async () => {
  await using ground = await Ground.create();
  const { certPem: cert, keyPem: key } = ground.certificate;
  const at = { hostname: "127.0.0.1", port: 0 };
  using listener = Deno.listenTls({ ...at, cert, key });
  const plain = await Deno.connect({ ...at, port: listener.addr.port });
  const served = await listener.accept();
  using client = await Deno.startTls(plain, {
    hostname: "localhost",
    caCerts: [ground.authority.pem],
  });
  await Promise.all([client.handshake(), served.handshake()]);
  let sent = 0;
  const flooded = flood(served, (chunks) => sent = chunks);
  let before = -1;
  await until("the write is stuck", () => {
    const quiet = sent > 0 && sent === before;
    before = sent;
    return quiet;
  });
  close(served);
  assert.equal(await within("the end of the write", flooded), "failed");
});
