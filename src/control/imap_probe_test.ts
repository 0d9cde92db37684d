import assert from "node:assert/strict";
import { leg, snapshot } from "../../tests/support/data_plane.ts";
import { FakeImapBackend } from "../../tests/support/fake_imap_backend.ts";
import { refusedPort } from "../../tests/support/ports.ts";
import { within } from "../../tests/support/wait.ts";
import { ImapProbe } from "./imap_probe.ts";

const backend = (name: string, capability: string[]) =>
  new FakeImapBackend({ name, tls: "plain", capability });

/** Start a round and wait until it has changed what is common. */
function changed(
  probe: ImapProbe,
  ...ports: readonly [string, number][]
): Promise<void> {
  const legs = ports.map(([destination, port]) => leg(port, { destination }));
  const { promise, resolve } = Promise.withResolvers<void>();
  probe.follow(snapshot([], legs, []), resolve);
  return within("change", promise);
}

Deno.test("ImapProbe finds what all destinations offer, without what is the proxy's own to say", async () => {
  await using old = backend("old", [
    ...["IMAP4rev1", "SASL-IR", "IDLE", "MOVE", "AUTH=PLAIN"],
  ]);
  await using new_ = backend("new", [
    ...["IMAP4rev1", "SASL-IR", "IDLE", "QRESYNC", "AUTH=PLAIN", "STARTTLS"],
  ]);
  const probe = new ImapProbe();
  assert.deepEqual(probe.common, ["IMAP4rev1", "SASL-IR", "LITERAL+", "ID"]);
  await changed(probe, ["old", old.port], ["new", new_.port]);
  assert.deepEqual(probe.common, ["IMAP4REV1", "SASL-IR", "IDLE"]);
  // One that is away keeps what it last said.
  await changed(probe, ["old", old.port]);
  assert.deepEqual(probe.common, ["IMAP4REV1", "SASL-IR", "IDLE", "MOVE"]);
  await changed(probe, ["old", refusedPort()], ["new", new_.port]);
  assert.deepEqual(probe.common, ["IMAP4REV1", "SASL-IR", "IDLE"]);
  probe.close();
});

Deno.test("ImapProbe tells nobody of answers that come after its close", async () => {
  await using old = backend("old", ["IMAP4rev1", "IDLE"]);
  const probe = new ImapProbe();
  let told = 0;
  const legs = [leg(old.port)];
  probe.follow(snapshot([], legs, []), () => told++);
  probe.close();
  await changed(probe, ["old", old.port]);
  probe.close();
  assert.equal(told, 0);
});
