/**
 * Twenty takeovers in a row under logins without a pause: none of them is refused or reset, and sessions go on.
 * The rate is 500 logins a second, or what the host carries at ease where that is less; it is printed.
 */
import assert from "node:assert/strict";
import type { ImapClient } from "../support/imap_client.ts";
import { LoginLoad } from "../support/login_load.ts";
import type { Mailferry } from "../support/mailferry.ts";
import { ALICE, BOB } from "../support/stage.ts";
import { takeoverStage } from "../support/takeover_stage.ts";
import { within } from "../support/wait.ts";

const TAKEOVERS = Number(Deno.env.get("TAKEOVERS") ?? 20);
const WANTED_RATE = 500;
/** Of what the host carries when nothing else runs: new processes start meanwhile. */
const EASE = 0.5;
const CALIBRATION_MS = 2000;
/** A session is open over so many takeovers; one is open over all. */
const KEPT_OVER = 3;
/** For each takeover, or nothing was tried. */
const LEAST_LOGINS = 20;

async function isOpen(client: ImapClient): Promise<void> {
  assert.equal((await client.transact("NOOP")).status, "OK");
}

Deno.test("twenty takeovers under steady logins refuse and reset none, and keep sessions", async () => {
  await using it = await takeoverStage({
    config: {
      // Clients and servers are this one process, which may be slow; that is not what is looked at.
      server: { threads: 2, log_level: "info", backend_timeout: "60s" },
      capabilities: { imap: { allow_plain_auth_without_tls: true } },
      listener: {
        plain: {
          protocol: "imap",
          bind: ["127.0.0.1:0"],
          tls: "plain",
        },
      },
    },
  });
  const { stage, socket } = it;
  const first = stage.proxy;
  const load = new LoginLoad({
    accounts: [ALICE, BOB],
    plain: first.listener("plain"),
    tls: first.listener("imaps"),
    ca: first.ca,
    tlsEvery: 5,
  });
  const capacity = await load.capacity(CALIBRATION_MS, 16);
  const rate = Math.min(WANTED_RATE, Math.floor(capacity * EASE));
  const stop = new AbortController();
  const running = load.run(rate, stop.signal);
  const processes: Mailferry[] = [first];
  const throughout = await stage.loggedIn(ALICE);
  const kept: ImapClient[] = [];
  try {
    for (let i = 0; i < TAKEOVERS; i++) {
      kept.push(await stage.loggedIn(BOB));
      processes.push(await processes.at(-1)!.successor(socket));
      for (const client of [throughout, ...kept]) await isOpen(client);
      if (kept.length === KEPT_OVER) kept.shift()!.close();
    }
    stop.abort();
    const reached = await running;
    console.log(
      `${TAKEOVERS} takeovers, ${load.done} logins at ${
        Math.round(reached)
      } a second (wanted ${WANTED_RATE}, the host carries ${
        Math.round(capacity)
      })`,
    );
    assert.deepEqual(load.failures, []);
    assert.ok(load.done > TAKEOVERS * LEAST_LOGINS);
    for (const client of [throughout, ...kept]) await isOpen(client);
    for (const client of kept) client.close();
    // All but the first and the last have nothing left to do.
    for (const each of processes.slice(1, -1)) {
      const { code } = await within("its end", each.exited);
      assert.equal(code, 0);
    }
    throughout.close();
    assert.equal((await within("its end", first.exited)).code, 0);
  } finally {
    stop.abort();
    await running;
    for (const client of [throughout, ...kept]) client.close();
    for (const each of processes.slice(1)) await each[Symbol.asyncDispose]();
  }
});
