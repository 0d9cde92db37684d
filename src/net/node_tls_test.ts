import "reflect-metadata";
import { PemConverter } from "@peculiar/x509";
import assert from "node:assert/strict";
import { nameOf } from "../../tests/support/certs.ts";
import { leg } from "../../tests/support/data_plane.ts";
import { OpensslServer } from "../../tests/support/openssl_server.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { needs } from "../../tests/support/requirements.ts";
import { until, within } from "../../tests/support/wait.ts";
import type { LegSnapshot, RevocationList } from "../port/snapshot.ts";
import { bridge, close } from "./bridge.ts";
import { type ByteStream, writeAll } from "./byte_stream.ts";
import { libc } from "./libc.ts";
import { loopbackPair } from "./loopback.ts";
import { CertificateRefused, startNodeTls } from "./node_tls.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const ANY: LegSnapshot["trust"] = { kind: "none", serverName: "backend.test" };

/** A TLS server's end and ours, after a handshake that the leg's trust judges. */
async function secured(
  ground: Ground,
  trust: LegSnapshot["trust"] = ANY,
): Promise<{ server: Deno.TlsConn; stream: ByteStream; raw: Deno.TcpConn }> {
  const { certPem: cert, keyPem: key } = ground.certificate;
  using listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert,
    key,
  });
  const raw = await Deno.connect({
    hostname: "127.0.0.1",
    port: listener.addr.port,
  });
  const server = await listener.accept();
  const shaken = server.handshake().catch(() => {});
  try {
    const stream = await within(
      "handshake",
      startNodeTls(raw, leg(1, { trust })),
    );
    await shaken;
    return { server, stream, raw };
  } catch (error) {
    await shaken;
    server.close();
    throw error;
  }
}

/** The connection to the backend follows its TLS stream. */
async function gone(raw: Deno.TcpConn): Promise<void> {
  await until("the connection is closed", async () => {
    const error = await raw.write(new Uint8Array(0)).catch((error) => error);
    return error instanceof Deno.errors.BadResource;
  });
}

Deno.test("startNodeTls carries bytes both ways and passes half-closes on", async () => {
  await using ground = await Ground.create();
  const { server, stream, raw } = await secured(ground);
  const into = new Uint8Array(100);
  await writeAll(stream, new TextEncoder().encode("question"));
  assert.equal(await within("question", server.read(into)), 8);
  await server.write(new TextEncoder().encode("answer"));
  assert.equal(await within("part", stream.read(into.subarray(0, 2))), 2);
  assert.equal(await within("rest", stream.read(into)), 4);
  await within("half-close", stream.closeWrite());
  assert.equal(await within("end", server.read(into)), null);
  server.close();
  assert.equal(await within("end", stream.read(into)), null);
  stream.close();
  close(raw);
});

Deno.test("startNodeTls refuses another certificate than the pinned one, and closes the connection", async () => {
  await using ground = await Ground.create();
  const wrong = {
    kind: "pin",
    serverName: "a",
    sha256: "0".repeat(64),
  } as const;
  await assert.rejects(secured(ground, wrong), CertificateRefused);
});

Deno.test("startNodeTls verifies where a client certificate keeps the leg from the runtime's own TLS", async () => {
  await using ground = await Ground.create();
  const caCerts = [ground.authority.pem];
  const good = { kind: "store", serverName: "localhost", caCerts } as const;
  const { server, stream, raw } = await secured(ground, good);
  stream.close();
  server.close();
  close(raw);
  const bad = [{ ...good, caCerts: [] }, { ...good, serverName: "x.test" }];
  for (const trust of bad) await assert.rejects(secured(ground, trust));
});

Deno.test("startNodeTls refuses a revoked certificate, and one that no list speaks of", async () => {
  await using ground = await Ground.create();
  const list = (issuer: string, serial: number): RevocationList => ({
    issuer,
    serials: new Map([[1, Uint8Array.of(serial)]]),
    issued: 0,
    points: [],
  });
  const issuer = nameOf(ground.authority.pem);
  const trust = (...revocations: RevocationList[]) => ({
    kind: "authorities" as const,
    serverName: "localhost",
    caCerts: [ground.authority.pem],
    revocations,
  });
  // The ground's certificate is the first that its authority signed.
  const good = trust(list(issuer, 3), list("30", 2));
  const { server, stream, raw } = await secured(ground, good);
  stream.close();
  server.close();
  close(raw);
  const cases: [LegSnapshot["trust"], RegExp][] = [
    [trust(list(issuer, 3), list(issuer, 2)), /revoked .*serial number 02/],
    [trust(list("30", 2)), /not covered/],
    [trust(), /not covered/],
    [{ ...good, caCerts: [] }, /could not be verified/],
    [{ ...good, serverName: "x.test" }, /could not be verified/],
  ];
  for (const [trust, message] of cases) {
    await assert.rejects(secured(ground, trust), (error) => {
      assert.ok(error instanceof CertificateRefused, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

needs(
  ["openssl"],
  "startNodeTls refuses a copy of a good certificate by somebody who has not its key",
  async () => {
    await using ground = await Ground.create();
    const { authority, certificate } = ground;
    const other = await authority.issue(["other.test"]);
    // openssl compares no more than the public halves: so the one of the certificate, beside another secret.
    const secret = pkcs8(other.keyPem);
    const forged = `${ground.folder}/forged.key`;
    const POINT = 65;
    await Deno.writeTextFile(
      forged,
      PemConverter.encode(
        Uint8Array.of(
          ...secret.subarray(0, -POINT),
          ...pkcs8(certificate.keyPem).subarray(-POINT),
        ),
        "PRIVATE KEY",
      ),
    );
    const trust = {
      kind: "authorities",
      serverName: "localhost",
      caCerts: [authority.pem],
    } as const;
    for (const version of ["-tls1_2", "-tls1_3"]) {
      for (const key of [certificate.keyFile, forged]) {
        await using server = await OpensslServer.start(
          ...["-cert", certificate.certFile, "-key", key, version],
        );
        const raw = await server.connect();
        const started = startNodeTls(raw, leg(server.port, { trust }));
        if (key === forged) {
          await assert.rejects(within("refused", started), CertificateRefused);
        } else {
          (await within("handshake", started)).close();
        }
        close(raw);
      }
    }
  },
);

Deno.test("startNodeTls shows the leg's client certificate to the backend", async () => {
  await using ground = await Ground.create();
  const { authority, certificate } = ground;
  const client = await authority.issue(["mailferry"], { usage: "client" });
  const { certFile, keyFile } = certificate;
  await using server = await OpensslServer.start(
    ...["-cert", certFile, "-key", keyFile, "-CAfile", authority.file],
    ...["-Verify", "1", "-verify_return_error"],
  );
  const start = async (more: Partial<LegSnapshot>) => {
    const raw = await server.connect();
    const asked = leg(server.port, { trust: ANY, ...more });
    const stream = await startNodeTls(raw, asked);
    return { stream, raw };
  };
  const clientCertificate = {
    certPem: client.certPem,
    keyPem: client.keyPem,
  };
  const { stream, raw } = await within("with", start({ clientCertificate }));
  await until("seen", () => /subject=CN = mailferry/.test(server.output));
  stream.close();
  close(raw);
  // TLS 1.3 tells of the missing certificate only after the client's part of the handshake.
  const without = within("without", start({})).then(async (leg) => {
    const count = await leg.stream.read(new Uint8Array(1)).catch(() => null);
    leg.stream.close();
    close(leg.raw);
    assert.equal(count, null);
  }, () => {});
  await without;
});

Deno.test("a NodeStream that nobody reads stops the backend", async () => {
  await using ground = await Ground.create();
  const { server, stream, raw } = await secured(ground);
  let sent = 0;
  const chunk = new Uint8Array(65536);
  const flood = (async () => {
    try {
      for (;;) sent += await server.write(chunk);
    } catch {
      // The stream was closed.
    }
  })();
  await within("first", stream.read(new Uint8Array(1)));
  // It has come to rest when turns of the event loop with other traffic change nothing.
  let before = -1;
  await until("the flood stops", async () => {
    const quiet = sent === before;
    before = sent;
    const [a, b] = await loopbackPair();
    await a.write(chunk.subarray(0, 1));
    await b.read(new Uint8Array(1));
    close(a);
    close(b);
    return quiet;
  });
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes`);
  const before2 = sent;
  const into = new Uint8Array(65536);
  let got = 0;
  while (sent === before2 || got < 1_000_000) {
    got += await within("more", stream.read(into)) ?? 0;
  }
  stream.close();
  server.close();
  await gone(raw);
  await flood;
});

Deno.test("a bridge over a NodeStream ends at once when it is closed, though its peer takes nothing", async () => {
  await using ground = await Ground.create();
  const { server, stream, raw } = await secured(ground);
  const [client, left] = await loopbackPair();
  const flow = { forward: 0, backward: 0, active: false };
  const over = bridge({ stream: left }, { stream }, flow);
  const flood = (async () => {
    try {
      for (;;) await client.write(new Uint8Array(65536));
    } catch {
      // The bridge was closed.
    }
  })();
  let before = -1;
  await until("the backend is full", () => {
    const quiet = flow.forward > 0 && flow.forward === before;
    before = flow.forward;
    return quiet;
  });
  close(left);
  stream.close();
  await within("over", over);
  close(client);
  await flood;
  // What was on its way still comes; then the backend sees the end, too.
  const into = new Uint8Array(65536);
  const drained = (async () => {
    while (await server.read(into).catch(() => null) !== null);
  })();
  await within("the backend's end", drained);
  server.close();
  await gone(raw);
});

Deno.test("closing the connection under startNodeTls ends its handshake", async () => {
  const [server, raw] = await loopbackPair();
  const started = startNodeTls(raw, leg(1, { trust: ANY }));
  started.catch(() => {});
  await within("hello", server.read(new Uint8Array(1)));
  close(raw);
  await assert.rejects(within("ended", started));
  close(server);
});

function pkcs8(pem: string): Uint8Array {
  return new Uint8Array(PemConverter.decode(pem)[0]!);
}
