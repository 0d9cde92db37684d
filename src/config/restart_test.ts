import assert from "node:assert/strict";
import { needsRestart } from "./restart.ts";
import { BASE, configOf, TOKEN } from "./testing.ts";

const ADMIN = `[admin]\nbind = "127.0.0.1:0"\nbearer_token = "${TOKEN}"\n`;

Deno.test("needsRestart names worker count and state folder alone", () => {
  const before = configOf(`${BASE}${ADMIN}`);
  const after = configOf(
    `${BASE}${ADMIN}lockout_threshold = 9\n[server]\nthreads = 2\nstate_dir = "/x"\nproxy_ttl = 3\n[listener.b]\nprotocol = "imap"\nbind = ["127.0.0.1:0"]\ntls = "plain"\n`,
  );
  assert.deepEqual(needsRestart(before, after), [
    "server.threads",
    "server.state_dir",
  ]);
  assert.deepEqual(needsRestart(before, configOf(`${BASE}${ADMIN}`)), []);
  assert.deepEqual(needsRestart(before, configOf(BASE)), []);
});
