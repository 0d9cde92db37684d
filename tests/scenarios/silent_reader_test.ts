/** Clients that send and never read: what blocks the proxy's writes must not outlive a limit. */
import assert from "node:assert/strict";
import type { ImapClient } from "../support/imap_client.ts";
import { Stage } from "../support/stage.ts";

const MANY = "a NOOP\r\n".repeat(8000);

/** Send commands, whose answers nobody reads, until the connection is over. */
async function flood(client: ImapClient): Promise<void> {
  try {
    for (;;) await client.send(MANY);
  } catch {
    // The proxy ended it.
  }
}

Deno.test("a client that does not read its answers is gone at preauth_timeout", async () => {
  const listener = { preauth_timeout: "3s" };
  await using stage = await Stage.create({
    config: { listener: { imaps: listener, imap: listener } },
  });
  using client = await stage.client();
  const flooded = flood(client);
  const { reason } = await stage.proxy.ended(client);
  assert.equal(reason, "preauth-timeout");
  await flooded;
});
