import assert from "node:assert/strict";
import {
  DataPlane,
  leg,
  listener,
  snapshot,
} from "../../tests/support/data_plane.ts";
import { FakeMailServer } from "../../tests/support/fake_mail_server.ts";
import { ImapClient } from "../../tests/support/imap_client.ts";
import { freePorts, refusedPort } from "../../tests/support/ports.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { until } from "../../tests/support/wait.ts";
import { libc } from "../net/libc.ts";
import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

/** One worker whose only listener leads to this leg. */
async function passing(
  to: Partial<LegSnapshot>,
  more: Partial<WorkerSnapshot> = {},
) {
  const ground = await Ground.create();
  const port = freePorts(1)[0]!;
  const smtp = leg(1, { protocol: "smtp", ...to });
  const plane = await DataPlane.start(
    1,
    snapshot(
      [listener(port, { name: "smtp", protocol: "smtp", tls: "plain" })],
      [],
      [ground.certificate],
      {
        smtpPassthrough: "old",
        destinations: { old: { name: "old", legs: { smtp } } },
        ...more,
      },
    ),
  );
  return {
    plane,
    port,
    async [Symbol.asyncDispose]() {
      plane[Symbol.dispose]();
      await ground[Symbol.asyncDispose]();
    },
  };
}

Deno.test("closing a pass-through session by its id ends both connections", async () => {
  await using backend = new FakeMailServer({ protocol: "smtp" });
  await using all = await passing({ port: backend.port });
  using client = await ImapClient.plain(all);
  await all.plane.supervisor.ask("flush", null);
  const [seen] = all.plane.registry.list({});
  assert.equal(seen!.stage, "bridge");
  assert.equal(seen!.destination, "old");
  await all.plane.supervisor.ask("kick", {
    target: { session: seen!.id },
    reason: "kicked",
  });
  assert.equal(await client.lineOrEnd(), null);
  assert.equal((await all.plane.ended(client.localPort)).reason, "kicked");
});

for (const what of ["client-closed", "kicked"] as const) {
  Deno.test(`${what} during the dial of a pass-through leg ends it`, async () => {
    // Never accepted: the handshake with it waits for ever.
    using hole = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using all = await passing({ port: hole.addr.port, tls: "implicit" });
    using client = await ImapClient.raw(all);
    const seen = await until("dialling", async () => {
      await all.plane.supervisor.ask("flush", null);
      return all.plane.registry.list({})
        .find(({ stage }) => stage === "dial");
    });
    if (what === "client-closed") client.close();
    else {
      const target = { session: seen!.id };
      await all.plane.supervisor.ask("kick", { target, reason: what });
      assert.match(await client.line(), /^421 4\.3\.0 proxy\.test /);
    }
    const record = await all.plane.ended(client.localPort);
    assert.equal(record.reason, what);
    assert.deepEqual(all.plane.reports, [], "no fault of the backend");
  });
}

Deno.test("connect retries come before the 421", async () => {
  const port = refusedPort();
  await using all = await passing({ port }, { connectRetries: 5 });
  using client = await ImapClient.raw(all);
  const backend = Deno.listen({ hostname: "127.0.0.1", port });
  using accepted = await backend.accept();
  backend.close();
  await accepted.write(new TextEncoder().encode("220 late\r\n"));
  assert.equal(await client.line(), "220 late");
});

Deno.test("a destination that a reload took the leg of is answered with 421", async () => {
  await using all = await passing({}, { smtpPassthrough: "gone" });
  using client = await ImapClient.plain(all);
  assert.match(client.greeting, /^421 4\.3\.0 /);
  const record = await all.plane.ended(client.localPort);
  assert.equal(record.reason, "backend-unavailable");
  assert.equal(record.detail, "no pass-through leg for smtp");
});

Deno.test("a used up chain is refused in pass-through too", async () => {
  await using backend = new FakeMailServer({ protocol: "smtp" });
  await using all = await passing({ port: backend.port }, { proxyTtl: 1 });
  using client = await ImapClient.plain(all);
  assert.match(client.greeting, /^421 4\.3\.0 /);
  assert.equal(backend.sessions.length, 0);
});
