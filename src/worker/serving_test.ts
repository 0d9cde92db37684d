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
import { packRanges } from "../net/cidr.ts";
import { libc } from "../net/libc.ts";
import type { ListenerSnapshot, WorkerSnapshot } from "../port/snapshot.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

/** One worker that serves one listener of this kind; `isNamed`: with several certificates. */
async function serving(
  kind: Partial<ListenerSnapshot>,
  more: Partial<WorkerSnapshot> = {},
  isNamed = false,
) {
  const ground = await Ground.create();
  const backend = new FakeImapBackend({ name: "old", tls: "plain" });
  const port = freePorts(1)[0]!;
  const served = [ground.certificate];
  if (isNamed) {
    served.unshift(await ground.authority.issue(["other.test"], { file: "b" }));
  }
  const plane = await DataPlane.start(
    1,
    snapshot([listener(port, kind)], [leg(backend.port)], served, more),
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
  ["the runtime's own TLS", "1.2", false],
  ["TLS by an upgrade", "1.3", false],
  ["TLS with one of several certificates", "1.2", true],
] as const;

for (const [way, minTlsVersion, isNamed] of IMPLICIT) {
  Deno.test(`an implicit listener serves by ${way}`, async () => {
    await using all = await serving(
      { tls: "implicit" },
      { minTlsVersion },
      isNamed,
    );
    using client = await ImapClient.tls(all, all.ground.authority.pem);
    const reply = await client.transact("LOGIN alice secret");
    assert.equal(reply.status, "OK");
  });

  Deno.test(`preauth_timeout ends a client that is silent before ${way}`, async () => {
    await using all = await serving(
      { tls: "implicit", preauthTimeout: 300 },
      { minTlsVersion },
      isNamed,
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
    await using all = await serving(
      { tls: "implicit" },
      { minTlsVersion },
      isNamed,
    );
    using client = await ImapClient.raw(all);
    await client.send("a1 LOGIN alice secret\r\n");
    await within("end", client.lineOrEnd());
    const record = await all.plane.ended(client.localPort);
    assert.equal(record.reason, "tls-failed");
    assert.equal(all.backend.openSessions().length, 0);
  });
}

Deno.test("a drain ends clients in the middle of their handshake", async () => {
  await using all = await serving({ tls: "implicit" });
  using client = await ImapClient.raw(all);
  await until("served", async () => {
    await all.plane.supervisor.ask("flush", null);
    return all.plane.registry.active === 1;
  });
  await all.plane.supervisor.drain({ part: true });
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

Deno.test("a client that deny has is closed at once, by TLS and without", async () => {
  const deny = [packRanges(["127.0.0.0/8"])];
  for (const tls of ["implicit", "starttls"] as const) {
    await using all = await serving({ tls, deny });
    using client = await ImapClient.raw(all);
    assert.equal(await within("end", client.lineOrEnd()), null);
    const record = await all.plane.ended(client.localPort);
    assert.equal(record.reason, "acl");
    assert.equal(record.stage, "accept");
    await all.plane.supervisor.ask("flush", null);
    assert.equal(all.plane.counters["connections_denied"], 1);
    assert.equal(all.plane.counters["connections_accepted"] ?? 0, 0);
  }
});

Deno.test("behind a proxy the client that its header names is judged, not the proxy", async () => {
  await using all = await serving({
    proxyProtocol: "optional",
    proxyTrusted: [packRanges(["127.0.0.1"])],
    allow: [packRanges(["192.0.2.0/24"])],
    deny: [packRanges(["192.0.2.66"])],
  });
  const cases = [
    ["192.0.2.1", null],
    ["192.0.2.66", "acl"],
    ["127.0.0.1", "acl"],
  ] as const;
  for (const [i, [source, reason]] of cases.entries()) {
    using client = await ImapClient.raw(all);
    const port = 40_000 + i;
    await client.send(`PROXY TCP4 ${source} 127.0.0.1 ${port} 143\r\n`);
    const line = await within("answer", client.lineOrEnd());
    assert.equal(line === null, reason === "acl", source);
    if (reason === null) continue;
    const record = await all.plane.ended(port);
    assert.equal(record.reason, reason);
  }
  // Without a header the peer is the client.
  using client = await ImapClient.raw(all);
  await client.send("a1 NOOP\r\n");
  assert.equal(await within("end", client.lineOrEnd()), null);
  assert.equal((await all.plane.ended(client.localPort)).reason, "acl");
});

Deno.test("a client that a trusted peer names by ID is judged as well", async () => {
  await using all = await serving({
    proxyTrusted: [packRanges(["127.0.0.1"])],
    deny: [packRanges(["203.0.113.0/24"])],
  });
  using client = await ImapClient.plain(all, all.ground.authority.pem);
  const named = await client.transact('ID ("x-originating-ip" "192.0.2.7")');
  assert.equal(named.status, "OK");
  const denied = await client.transact(
    'ID ("x-originating-ip" "203.0.113.7" "x-originating-port" "4711")',
  );
  assert.equal(denied.status, "");
  assert.equal((await all.plane.ended(4711)).reason, "acl");
});
