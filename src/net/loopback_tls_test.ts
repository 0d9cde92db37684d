import assert from "node:assert/strict";
import type { Certificate } from "../../tests/support/certs.ts";
import { helloOf } from "../../tests/support/hello.ts";
import { openssl } from "../../tests/support/openssl_client.ts";
import {
  type Cut,
  CUTS,
  longer,
  startTlsInPieces,
} from "../../tests/support/pieces.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { until, within } from "../../tests/support/wait.ts";
import { abandon } from "./abandon.ts";
import { close } from "./bridge.ts";
import type { ByteStream } from "./byte_stream.ts";
import { Deadlines } from "./deadlines.ts";
import { libc } from "./libc.ts";
import { LineReader } from "./line_reader.ts";
import { loopbackPair } from "./loopback.ts";
import { LoopbackTls, UpgradeFailed } from "./loopback_tls.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const HOST = "127.0.0.1";

/** An upgrader on a clock that the test moves. */
async function setup() {
  const ground = await Ground.create();
  let now = 0;
  const deadlines = new Deadlines(100, () => now);
  const other = await ground.authority.issue(["other.test"], { file: "other" });
  const served = [
    { ...pemOf(ground.certificate), names: ["localhost"], isDefault: true },
    { ...pemOf(other), names: ["other.test"], isDefault: false },
  ];
  const loopback = new LoopbackTls(HOST, served, deadlines);
  const advance = (ms: number) => {
    now += ms;
    deadlines.run();
  };
  return {
    ground,
    loopback,
    advance,
    async [Symbol.asyncDispose]() {
      loopback.close();
      advance(10_000);
      await ground[Symbol.asyncDispose]();
    },
  };
}

function pemOf({ certPem, keyPem }: Certificate) {
  return { certPem, keyPem };
}

function upgrade(
  loopback: LoopbackTls,
  raw: ByteStream,
  atLeast13 = false,
  onMoved: (connection: Deno.TlsConn) => void = () => {},
  http = false,
): Promise<ByteStream> {
  const how = { atLeast13, http };
  return loopback.upgrade(raw, new LineReader(raw), how, onMoved);
}

/** The same stream as one that is no socket, so that its bytes are spliced. */
function disguised(raw: Deno.TcpConn): ByteStream {
  return {
    read: (into) => raw.read(into),
    write: (bytes) => raw.write(bytes),
    closeWrite: () => raw.closeWrite(),
    close: () => raw.close(),
  };
}

/** A client's handshake on `client`, complete. */
async function secure(
  all: { ground: Ground },
  client: Deno.TcpConn,
): Promise<Deno.TlsConn> {
  const outside = await Deno.startTls(client, {
    hostname: "localhost",
    caCerts: [all.ground.authority.pem],
  });
  await within("client's handshake", outside.handshake());
  return outside;
}

for (const way of ["moved", "spliced"]) {
  Deno.test(`LoopbackTls.upgrade carries a session over the connection that was clear before, ${way}`, async () => {
    await using all = await setup();
    const [client, raw] = await loopbackPair();
    const { remoteAddr, localAddr } = raw;
    let moved: Deno.TlsConn | null = null;
    const upgraded = upgrade(
      all.loopback,
      way === "moved" ? raw : disguised(raw),
      true,
      (connection) => moved = connection,
    );
    const outside = await secure(all, client);
    const inside = await within("upgrade", upgraded);
    assert.equal(all.loopback.pending, 0);
    assert.equal(moved, way === "moved" ? inside : null);
    if (way === "moved") {
      assert.deepEqual(moved!.remoteAddr, remoteAddr);
      assert.deepEqual(moved!.localAddr, localAddr);
      assert.throws(() => raw.close(), Deno.errors.BadResource);
    }
    const into = new Uint8Array(10);
    await outside.write(new TextEncoder().encode("ping"));
    assert.equal(await within("ping", inside.read(into)), 4);
    await inside.write(new TextEncoder().encode("pong!"));
    assert.equal(await within("pong", outside.read(into)), 5);
    // What was written last still arrives.
    await inside.write(new TextEncoder().encode("bye"));
    inside.close();
    assert.equal(await within("bye", outside.read(into)), 3);
    assert.equal(await within("end", outside.read(into)), null);
    outside.close();
  });
}

for (const way of ["moved", "spliced"]) {
  Deno.test(`LoopbackTls.upgrade agrees to HTTP/1.1 where HTTP is spoken, and to nothing elsewhere, ${way}`, async () => {
    await using all = await setup();
    const agreed = async (http: boolean, ...alpnProtocols: string[]) => {
      const [client, raw] = await loopbackPair();
      const stream = way === "moved" ? raw : disguised(raw);
      const upgraded = upgrade(all.loopback, stream, false, () => {}, http)
        .catch((error: UpgradeFailed) => error);
      const outside = await Deno.startTls(client, {
        hostname: "localhost",
        caCerts: [all.ground.authority.pem],
        alpnProtocols,
      });
      const shaken = await within("client", outside.handshake())
        .catch(() => "refused" as const);
      const inside = await within("upgrade", upgraded);
      outside.close();
      if (shaken === "refused") assert.ok(inside instanceof UpgradeFailed);
      else (inside as ByteStream).close();
      return shaken === "refused" ? shaken : shaken.alpnProtocol;
    };
    assert.equal(await agreed(true, "h2", "http/1.1"), "http/1.1");
    assert.equal(await agreed(true), null);
    assert.equal(await agreed(true, "h2"), "refused");
    assert.equal(await agreed(false, "imap"), null);
  });
}

Deno.test("LoopbackTls.upgrade gives each of many at once its own client", async () => {
  await using all = await setup();
  const answers = Array.from({ length: 40 }, async (_, i) => {
    const [client, raw] = await loopbackPair();
    let isMoved = false;
    const upgraded = upgrade(all.loopback, raw, false, () => isMoved = true);
    const outside = await secure(all, client);
    const inside = await within("upgrade", upgraded);
    await outside.write(Uint8Array.of(i));
    const into = new Uint8Array(2);
    assert.equal(await within("its byte", inside.read(into)), 1);
    assert.equal(into[0], i);
    inside.close();
    outside.close();
    return isMoved;
  });
  assert.ok((await Promise.all(answers)).every((isMoved) => isMoved));
});

/** A handshake with a hello like this, and a byte after it; whether the connection was moved. */
async function shakeInPieces(
  all: { ground: Ground; loopback: LoopbackTls },
  cut: Cut,
  hostname: string,
  alpnProtocols: string[],
): Promise<boolean> {
  const [client, raw] = await loopbackPair();
  let isMoved = false;
  const upgraded = upgrade(all.loopback, raw, true, () => isMoved = true);
  await using pieced = await startTlsInPieces(client, cut, {
    hostname,
    alpnProtocols,
    caCerts: [all.ground.authority.pem],
  });
  const outside = pieced.conn;
  const inside = await within("upgrade", upgraded);
  await outside.write(Uint8Array.of(42));
  const into = new Uint8Array(2);
  assert.equal(await within("its byte", inside.read(into)), 1);
  inside.close();
  assert.equal(await within("end", outside.read(into)), null);
  return isMoved;
}

for (const [way, cut] of Object.entries(CUTS)) {
  Deno.test(`LoopbackTls.upgrade moves a client whose hello comes ${way}`, async () => {
    await using all = await setup();
    assert.ok(await shakeInPieces(all, cut, "localhost", []));
    assert.ok(await shakeInPieces(all, cut, "other.test", longer(4000)));
    assert.equal(all.loopback.pending, 0);
  });
}

Deno.test("LoopbackTls.upgrade splices a client whose hello fits into no record", async () => {
  await using all = await setup();
  const [client, raw] = await loopbackPair();
  const upgraded = upgrade(all.loopback, raw);
  const outside = await Deno.startTls(client, {
    hostname: "localhost",
    alpnProtocols: longer(20_000),
    caCerts: [all.ground.authority.pem],
  });
  await within("client's handshake", outside.handshake());
  const inside = await within("upgrade", upgraded);
  assert.ok(!("handshake" in inside));
  inside.close();
  const end = outside.read(new Uint8Array(1));
  assert.equal(await within("end", end), null);
  outside.close();
  all.advance(5000);
});

Deno.test("LoopbackTls.upgrade ends with a moved connection that is closed in the handshake", async () => {
  await using all = await setup();
  const [client, raw] = await loopbackPair();
  const hello = await helloOf((port) => openssl(port));
  await client.write(hello);
  const { promise, resolve } = Promise.withResolvers<Deno.TlsConn>();
  const upgraded = upgrade(all.loopback, raw, false, resolve);
  upgraded.catch(() => {});
  abandon(await within("the move", promise));
  await assert.rejects(within("upgrade", upgraded), UpgradeFailed);
  // After what the server had answered already comes the end.
  const rest = new Response(client.readable).bytes().catch(() => null);
  await within("end", rest);
});

Deno.test("LoopbackTls.upgrade closes a spliced connection at last, though the client does not", async () => {
  await using all = await setup();
  const [client, raw] = await loopbackPair();
  const upgraded = upgrade(all.loopback, disguised(raw));
  const outside = await secure(all, client);
  (await within("upgrade", upgraded)).close();
  all.advance(5000);
  assert.throws(() => raw.close(), Deno.errors.BadResource);
  outside.close();
});

Deno.test("LoopbackTls.upgrade tells clear text and a client that leaves apart", async () => {
  await using all = await setup();
  for (const sent of ["a1 LOGIN alice secret\r\n", ""]) {
    const [client, raw] = await loopbackPair();
    await client.write(new TextEncoder().encode(sent));
    await client.closeWrite();
    await assert.rejects(
      within("upgrade", upgrade(all.loopback, raw)),
      (error) =>
        error instanceof UpgradeFailed && error.cleartext === (sent !== ""),
    );
    assert.throws(() => raw.close(), Deno.errors.BadResource);
    client.close();
  }
});

Deno.test("LoopbackTls.upgrade ends with a client that breaks its handshake off", async () => {
  await using all = await setup();
  const broken = [
    // A record that is no hello, and half a handshake.
    Uint8Array.fromHex("16030100050100000000"),
    Uint8Array.fromHex("160301000401000200"),
  ];
  for (const sent of broken) {
    const [client, raw] = await loopbackPair();
    await client.write(sent);
    await client.closeWrite();
    await assert.rejects(
      within("upgrade", upgrade(all.loopback, raw)),
      (error) => error instanceof UpgradeFailed && !error.cleartext,
    );
    close(client);
    close(raw);
  }
  assert.equal(all.loopback.pending, 0);
});

Deno.test("LoopbackTls.upgrade ends when the connection is closed in the handshake", async () => {
  await using all = await setup();
  const [client, raw] = await loopbackPair();
  await client.write(Uint8Array.fromHex("160301000401000200"));
  const upgraded = upgrade(all.loopback, raw);
  upgraded.catch(() => {});
  const alertOrEnd = client.read(new Uint8Array(1));
  close(raw);
  await assert.rejects(within("upgrade", upgraded), UpgradeFailed);
  await within("end", alertOrEnd.catch(() => null));
  close(client);
});

Deno.test("LoopbackTls.upgrade refuses TLS 1.2 where 1.3 is the least, with the alert for it", async () => {
  await using all = await setup();
  const tries = [
    ["-tls1_2", true, false],
    ["-tls1_3", true, true],
    ["-tls1_2", false, true],
  ] as const;
  for (const [version, atLeast13, expected] of tries) {
    using outer = Deno.listen({ hostname: HOST, port: 0 });
    const client = openssl(outer.addr.port, version);
    const raw = await outer.accept();
    const upgraded = upgrade(all.loopback, raw, atLeast13);
    const inside = await within("upgrade", upgraded.catch(() => null));
    assert.equal(inside !== null, expected);
    inside?.close();
    const { connected, output } = await within("openssl", client);
    assert.equal(connected, expected, output);
    if (!expected) assert.match(output, /alert protocol version/);
    all.advance(5000);
    close(raw);
  }
});

Deno.test("LoopbackTls closes a stranger's connection to its port", async () => {
  await using all = await setup();
  const connect = Deno.connect;
  let port = 0;
  // The port is nobody's business: it is seen here by watching an upgrade.
  Deno.connect = ((options: Deno.ConnectOptions) => {
    port = options.port;
    return connect(options);
  }) as typeof Deno.connect;
  try {
    const [client, raw] = await loopbackPair();
    const upgraded = upgrade(all.loopback, raw);
    upgraded.catch(() => {});
    const outside = await secure(all, client);
    (await upgraded).close();
    outside.close();
  } finally {
    Deno.connect = connect;
  }
  const stranger = await Deno.connect({ hostname: HOST, port });
  const end = stranger.read(new Uint8Array(1)).catch(() => null);
  await until("the stranger waits", () => all.loopback.pending > 0);
  all.advance(5000);
  assert.equal(await within("end", end), null);
  assert.equal(all.loopback.pending, 0);
  stranger.close();
});
