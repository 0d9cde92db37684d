import assert from "node:assert/strict";
import {
  DataPlane,
  leg,
  listener,
  snapshot,
} from "../../tests/support/data_plane.ts";
import { FakeImapBackend } from "../../tests/support/fake_imap_backend.ts";
import { ImapClient } from "../../tests/support/imap_client.ts";
import { freePorts } from "../../tests/support/ports.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { until, within } from "../../tests/support/wait.ts";
import { libc } from "../net/libc.ts";
import type { ListenerSnapshot, WorkerSnapshot } from "../port/snapshot.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

/** One worker that serves one listener of this kind. */
async function serving(
  kind: Partial<ListenerSnapshot>,
  more: Partial<WorkerSnapshot> = {},
) {
  const ground = await Ground.create();
  const backend = new FakeImapBackend({ name: "old", tls: "plain" });
  const port = freePorts(1)[0]!;
  const plane = await DataPlane.start(
    1,
    snapshot([listener(port, kind)], [leg(backend.port)], [
      ground.certificate,
    ], more),
  );
  return {
    ground,
    backend,
    plane,
    port,
    async [Symbol.asyncDispose]() {
      plane[Symbol.dispose]();
      await backend[Symbol.asyncDispose]();
      await ground[Symbol.asyncDispose]();
    },
  };
}

const IMPLICIT = [
  ["the runtime's own TLS", "1.2"],
  ["TLS by an upgrade", "1.3"],
] as const;

for (const [way, minTlsVersion] of IMPLICIT) {
  Deno.test(`an implicit listener serves by ${way}`, async () => {
    await using all = await serving({ tls: "implicit" }, { minTlsVersion });
    using client = await ImapClient.tls(all, all.ground.authority.pem);
    const reply = await client.transact("LOGIN alice secret");
    assert.equal(reply.status, "OK");
  });

  Deno.test(`preauth_timeout ends a client that is silent before ${way}`, async () => {
    await using all = await serving(
      { tls: "implicit", preauthTimeout: 300 },
      { minTlsVersion },
    );
    for (const hello of ["", "160301020001"]) {
      using client = await ImapClient.raw(all);
      await client.send(Uint8Array.fromHex(hello));
      assert.equal(await within("end", client.lineOrEnd()), null);
      const record = await all.plane.ended(client.localPort);
      assert.equal(record.reason, "preauth-timeout");
    }
  });

  Deno.test(`garbage instead of ${way} is a failed handshake`, async () => {
    await using all = await serving({ tls: "implicit" }, { minTlsVersion });
    using client = await ImapClient.raw(all);
    await client.send("a1 LOGIN alice secret\r\n");
    await within("end", client.lineOrEnd());
    const record = await all.plane.ended(client.localPort);
    assert.equal(record.reason, "tls-failed");
    assert.equal(all.backend.open().length, 0);
  });
}

Deno.test("a drain ends clients in the middle of their handshake", async () => {
  await using all = await serving({ tls: "implicit" });
  using client = await ImapClient.raw(all);
  await until("served", async () => {
    await all.plane.supervisor.ask("flush", null);
    return all.plane.registry.active === 1;
  });
  await all.plane.supervisor.drain();
  assert.equal(await within("end", client.lineOrEnd()), null);
  const record = await all.plane.ended(client.localPort);
  assert.equal(record.reason, "drained");
});

Deno.test("a worker holds nothing of sessions that are over", async () => {
  await using all = await serving({ tls: "starttls" });
  for (let i = 0; i < 10; i++) {
    using client = await ImapClient.plain(all, all.ground.authority.pem);
    await client.startTls();
    if (i % 2 === 0) await client.transact(`LOGIN user${i} secret`);
  }
  const [left] = await until("all over", async () => {
    const found = await all.plane.supervisor.ask("inspect", null);
    return found[0]!.sessions === 0 && found;
  }) as { pendingPairs: number; routes: number }[];
  assert.equal(left!.pendingPairs, 0);
  assert.equal(left!.routes, 5);
  assert.equal(all.plane.counters["bugs"] ?? 0, 0);
});
