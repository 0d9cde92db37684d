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
import { until } from "../../tests/support/wait.ts";
import { libc } from "../net/libc.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const PASSWORD = "tr0ub4dor";

Deno.test("a login of a traced account is told step by step, without its credentials", async () => {
  await using ground = await Ground.create();
  await using backend = new FakeImapBackend({
    name: "old",
    tls: "plain",
    // A server that repeats what it was sent.
    refuse: ({ secret }) =>
      secret === PASSWORD ? undefined : [`NO ${secret} is wrong`],
  });
  const [port] = freePorts(1);
  using plane = await DataPlane.start(
    1,
    snapshot([listener(port!)], [leg(backend.port)], [ground.certificate]),
  );
  const logIn = async (command: string) => {
    const client = await ImapClient.plain({ port: port! });
    await client.transact(command);
    client.close();
  };
  const trace = (traced: boolean) =>
    plane.supervisor.ask("trace", { identifier: "alice", traced });
  await trace(true);
  await logIn(`LOGIN bob ${PASSWORD}`);
  assert.deepEqual(plane.traced, []);
  await logIn(`LOGIN {5+}\r\nalice {9+}\r\n${PASSWORD}`);
  await until("the bridge", () => plane.traced.at(-1)?.includes("bridged"));
  await logIn(`LOGIN alice wrong-${PASSWORD}`);
  await until("the refusal", () => plane.traced.at(-1)?.includes("refused"));
  const told = plane.traced.join("\n");
  assert.match(
    told,
    /^login by LOGIN from 127\.0\.0\.1, imap on imap, not encrypted\nrouted to old by default\ndial 127\.0\.0\.1 port \d+\nconnected, tls plain\n< \* OK .*\n/,
  );
  assert.match(
    told,
    /\n> \(credentials\)\n< \S+ OK \(withheld\)\naccepted: bridged\n/,
  );
  for (
    const secret of [PASSWORD, btoa(PASSWORD), btoa(`\0alice\0${PASSWORD}`)]
  ) {
    assert.ok(!told.includes(secret), told);
  }
  const count = plane.traced.length;
  await trace(false);
  await logIn(`LOGIN alice ${PASSWORD}`);
  assert.equal(plane.traced.length, count);
});
