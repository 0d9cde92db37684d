import assert from "node:assert/strict";
import { leg } from "../../tests/support/data_plane.ts";
import { refusedPort } from "../../tests/support/ports.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { within } from "../../tests/support/wait.ts";
import type { LegSnapshot } from "../port/snapshot.ts";
import { dial, DialFailed, type RawLeg } from "./dial.ts";
import { libc } from "./libc.ts";
import { sourceAddressWorks } from "./source_address.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const never = () => new AbortController().signal;

async function failure(dialled: Promise<RawLeg>): Promise<DialFailed> {
  try {
    (await within("dial", dialled)).close();
  } catch (error) {
    if (error instanceof DialFailed) return error;
    throw error;
  }
  throw new Error("the dial succeeded");
}

/** A TLS server with this certificate that echoes one read, and a leg to it. */
function echo(
  ground: Ground,
  trust: LegSnapshot["trust"],
  more: Partial<LegSnapshot> = {},
) {
  const { certPem: cert, keyPem: key } = ground.certificate;
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert,
    key,
  });
  const served = (async () => {
    for await (const connection of listener) {
      const into = new Uint8Array(100);
      try {
        const count = await connection.read(into);
        if (count !== null) await connection.write(into.subarray(0, count));
        await connection.read(into);
      } catch {
        // The client broke the handshake off.
      }
      connection.close();
    }
  })();
  return {
    leg: leg(listener.addr.port, { tls: "implicit", trust, ...more }),
    async [Symbol.asyncDispose]() {
      listener.close();
      await served;
    },
  };
}

async function echoed(raw: RawLeg): Promise<string> {
  const secured = await within("handshake", raw.startTls());
  await secured.write(new TextEncoder().encode("hello"));
  const into = new Uint8Array(10);
  const count = await within("echo", secured.read(into));
  secured.close();
  raw.close();
  return new TextDecoder().decode(into.subarray(0, count ?? 0));
}

Deno.test("dial says that a connection was refused, by whom, and in which stage", async () => {
  const port = refusedPort();
  const error = await failure(dial(leg(port), undefined, never()));
  assert.equal(error.stage, "connect");
  assert.match(error.message, new RegExp(`127.0.0.1 port ${port}: .*refused`));
});

Deno.test("dial says that a name is not known", async () => {
  const unknown = leg(1, { host: "no-such-host.invalid" });
  for (let i = 0; i < 2; i++) {
    const error = await failure(dial(unknown, undefined, never()));
    assert.equal(error.stage, "resolve");
    assert.match(error.message, /^resolve no-such-host\.invalid: /);
  }
});

Deno.test("dial connects to the addresses of a name", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = leg(listener.addr.port, { host: "localhost" });
  const raw = await dial(target, undefined, never());
  (await listener.accept()).close();
  raw.close();
  raw.close();
});

Deno.test("dial is ended by its signal", async () => {
  const aborted = AbortSignal.abort();
  for (const host of ["127.0.0.1", "localhost", "no-such-host.invalid"]) {
    const error = await failure(
      dial(leg(refusedPort(), { host }), undefined, aborted),
    );
    assert.match(error.message, /timed out/);
    // The lookup cannot be called off; the next dial shares it and sees it end.
    await failure(dial(leg(refusedPort(), { host }), undefined, never()));
  }
  // A listener that is full answers no more connections.
  const abort = new AbortController();
  const silent = leg(1, { host: "192.0.2.1" });
  const dialled = failure(dial(silent, undefined, abort.signal));
  abort.abort();
  assert.equal((await dialled).stage, "connect");
});

Deno.test("RawLeg.startTls verifies by the leg's authorities and server name", async () => {
  await using ground = await Ground.create();
  const caCerts = [ground.authority.pem];
  {
    const trust = { kind: "store", serverName: "localhost", caCerts } as const;
    await using server = echo(ground, trust);
    assert.equal(
      await echoed(await dial(server.leg, undefined, never())),
      "hello",
    );
  }
  const wrong = [
    [{ serverName: "elsewhere.test", caCerts }, /NotValidForName|not valid/],
    [{ serverName: "localhost", caCerts: [] }, /UnknownIssuer/],
  ] as const;
  for (const [trust, message] of wrong) {
    await using server = echo(ground, { kind: "store", ...trust });
    const raw = await dial(server.leg, undefined, never());
    await assert.rejects(within("handshake", raw.startTls()), message);
    raw.close();
  }
});

Deno.test("RawLeg.startTls takes the pinned certificate and no other, and any where none is asked for", async () => {
  await using ground = await Ground.create();
  const { sha256 } = ground.certificate;
  const good = [
    { kind: "pin", serverName: "elsewhere.test", sha256 },
    { kind: "none", serverName: "elsewhere.test" },
  ] as const;
  for (const trust of good) {
    await using server = echo(ground, trust);
    assert.equal(
      await echoed(await dial(server.leg, undefined, never())),
      "hello",
    );
  }
  const other = {
    kind: "pin",
    serverName: "localhost",
    sha256: "0".repeat(64),
  };
  await using server = echo(ground, other as LegSnapshot["trust"]);
  const raw = await dial(server.leg, undefined, never());
  await assert.rejects(
    within("handshake", raw.startTls()),
    /not the pinned one/,
  );
  raw.close();
});

Deno.test("dial connects from a source address where the runtime can, TLS included", async () => {
  await using ground = await Ground.create();
  const caCerts = [ground.authority.pem];
  const trust = { kind: "store", serverName: "localhost", caCerts } as const;
  await using server = echo(ground, trust);
  assert.equal(
    await echoed(await dial(server.leg, "127.0.0.4", never())),
    "hello",
  );
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = leg(listener.addr.port);
  const raw = await dial(target, "127.0.0.5", never());
  const seen = await listener.accept();
  assert.equal(
    (seen.remoteAddr as Deno.NetAddr).hostname,
    await sourceAddressWorks() ? "127.0.0.5" : "127.0.0.1",
  );
  seen.close();
  raw.close();
  const refused = await failure(
    dial(leg(refusedPort()), "127.0.0.5", never()),
  );
  assert.equal(refused.stage, "connect");
});
