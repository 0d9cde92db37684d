/** What administrators set over the runtime socket: servers, listeners, certificates, traces. */
import assert from "node:assert/strict";
import { ImapClient } from "../support/imap_client.ts";
import { RuntimeStage } from "../support/runtime_stage.ts";
import { ALICE, BOB, login, PASSWORD } from "../support/stage.ts";
import { until } from "../support/wait.ts";

/** How a login ends. */
async function outcome(
  runtime: RuntimeStage,
  user: string,
): Promise<string> {
  const client = await runtime.stage.client();
  const { status, text } = await client.transact(login(user));
  client.close();
  return `${status} ${text}`;
}

Deno.test("a destination that drains takes no new logins and keeps its sessions; in maintenance it has none", async () => {
  await using runtime = await RuntimeStage.create();
  const { stage } = runtime;
  using session = await stage.loggedIn(BOB);
  assert.equal(await runtime.ask("set server new state drain"), "\n");
  assert.match(await outcome(runtime, BOB), /^NO \[UNAVAILABLE\]/);
  assert.match(await outcome(runtime, ALICE), /^OK /);
  assert.equal((await session.transact("NOOP")).status, "OK");
  assert.match(await runtime.ask("show stat"), /\nnew,imap,[^\n]*,DRAIN,/);

  assert.equal(await runtime.ask("disable server new/imap"), "\n");
  await session.rest();
  assert.match(await runtime.ask("show stat"), /\nnew,imap,[^\n]*,MAINT,/);
  assert.match(await outcome(runtime, BOB), /^NO \[UNAVAILABLE\]/);

  assert.equal(await runtime.ask("set server new state ready"), "\n");
  assert.match(await outcome(runtime, BOB), /^OK /);
  assert.deepEqual(await runtime.overrides(), []);
});

Deno.test("what was set at run time outlives reloads, and says where it hides the file", async () => {
  await using runtime = await RuntimeStage.create();
  const { proxy } = runtime.stage;
  await runtime.ask("set maxconn frontend imaps 7; disable frontend imap");
  await proxy.reconfigure({ listener: { imaps: { max_connections: 50 } } });
  proxy.signal("SIGHUP");
  const masked = await proxy.entry(
    "the warning",
    ({ event }) => event === "override_masks_change",
  );
  assert.equal(masked.configured, 50);
  const [frontend, most] = (await runtime.overrides()).sort((a, b) =>
    String(a.kind) < String(b.kind) ? -1 : 1
  );
  assert.deepEqual([frontend!.key, frontend!.value], ["imap", "disabled"]);
  assert.deepEqual([most!.state, most!.configured, most!.value], [
    "stale",
    50,
    7,
  ]);
  await assert.rejects(ImapClient.plain(proxy.listener("imap"), proxy.ca));
  assert.equal(
    await proxy.ask("DELETE", "/overrides?kind=maxconn"),
    "cleared 1\n",
  );
  assert.match(await runtime.ask("show stat"), /\nimaps,FRONTEND,[^\n]*,50,/);
});

Deno.test("a listener is taken off its addresses and put back, its sessions staying", async () => {
  await using runtime = await RuntimeStage.create();
  const { stage } = runtime;
  using session = await stage.loggedIn(ALICE);
  assert.equal(await runtime.ask("disable frontend imaps"), "\n");
  await assert.rejects(stage.client(), Deno.errors.ConnectionRefused);
  assert.equal((await session.transact("NOOP")).status, "OK");
  assert.equal(await runtime.ask("enable frontend imaps"), "\n");
  // A free port was asked for, and may be another one now.
  await until("the listener again", () => {
    const bound = stage.proxy.log.filter((entry) =>
      entry.event === "listening" && entry.listener === "imaps"
    );
    return bound.length === 2;
  });
  assert.equal(await runtime.ask("shutdown frontend imap"), "\n");
  assert.match(
    await runtime.ask("enable frontend imap"),
    /was shut down: clear its override/,
  );
  for (const command of ["enable frontend", "set maxconn frontend"]) {
    const value = command.startsWith("set") ? " 5" : "";
    assert.equal(
      await runtime.ask(`${command} nothing${value}`),
      "No such frontend.\n\n",
    );
  }
});

Deno.test("a destination's address and health change without a reload", async () => {
  await using runtime = await RuntimeStage.create();
  const { stage } = runtime;
  const port = stage.new_.port;
  assert.equal(
    await runtime.ask(`set server old/imap addr 127.0.0.1 port ${port}`),
    "\n",
  );
  assert.match(await outcome(runtime, ALICE), /^OK .*new/);
  assert.equal(await runtime.ask("set server old addr -"), "\n");
  assert.match(await outcome(runtime, ALICE), /^OK .*old/);
  assert.equal(await runtime.ask("set server old health down"), "\n");
  assert.match(await outcome(runtime, ALICE), /^NO \[UNAVAILABLE\]/);
  assert.equal(await runtime.ask("set server old health up"), "\n");
  assert.match(await outcome(runtime, ALICE), /^OK .*old/);
  assert.match(
    await runtime.ask("set server old addr nobody,"),
    /Invalid addr/,
  );
  assert.match(
    await runtime.ask(`set server nowhere state drain`),
    /No such backend/,
  );
  assert.match(
    await runtime.ask("set server old state drain", "operator"),
    /Permission denied/,
  );
});

Deno.test("connections of all listeners together are bounded at run time", async () => {
  await using runtime = await RuntimeStage.create();
  const { stage } = runtime;
  assert.equal(await runtime.ask("set maxconn global 2"), "\n");
  await runtime.ask("set rate-limit connections global 500");
  assert.match(
    await runtime.ask("show info"),
    /\nMaxconn: 2\n[^]*\nConnRateLimit: 500\n/,
  );
  using first = await stage.client();
  using second = await stage.plainClient();
  const third = await stage.client().then(
    async (client) => {
      using _ = client;
      return await client.rest();
    },
    () => "",
  );
  assert.equal(third, "");
  assert.ok(first && second);
  assert.equal(await runtime.ask("set maxconn global 0"), "\n");
  assert.match(await runtime.ask("show info"), /\nMaxconn: 16384\n/);
  using fourth = await stage.client();
  assert.ok(fourth);
});

Deno.test("logins are let through at the pace that is set", async () => {
  await using runtime = await RuntimeStage.create();
  assert.equal(await runtime.ask("set rate-limit logins global 1"), "\n");
  const clients = await Promise.all(
    Array.from({ length: 3 }, () => runtime.stage.client()),
  );
  const replies = clients.map((client) => client.transact(login(ALICE)));
  const done = await Promise.race(replies);
  assert.equal(done.status, "OK");
  // The others wait for their turn, and are told so nowhere; a limit that is gone lets new ones through.
  assert.equal(await runtime.ask("set rate-limit logins global 0"), "\n");
  assert.match(await outcome(runtime, ALICE), /^OK /);
  for (const reply of await Promise.all(replies)) {
    assert.equal(reply.status, "OK");
  }
  for (const client of clients) client.close();
});

Deno.test("a certificate that is committed serves the next handshake, and is kept", async () => {
  await using runtime = await RuntimeStage.create();
  const { stage } = runtime;
  using session = await stage.loggedIn(ALICE);
  const other = await stage.ground.authority.issue(
    ["proxy.test", "other.test", "127.0.0.1"],
    { file: "other" },
  );
  const pem = (other.certPem + other.keyPem).trim();
  assert.match(
    await runtime.ask(`set ssl cert main <<\n${pem}\n`),
    /^Transaction created for certificate main!\n/,
  );
  assert.match(await runtime.ask("commit ssl cert main"), /Success!/);
  const { port } = stage.proxy.listener("imaps");
  const raw = await Deno.connect({ hostname: "127.0.0.1", port });
  using secured = await Deno.startTls(raw, {
    hostname: "other.test",
    caCerts: [stage.ground.authority.pem],
  });
  await secured.handshake();
  assert.equal((await session.transact("NOOP")).status, "OK");
  const [override] = await runtime.overrides();
  assert.equal(override!.kind, "certificate");
  const { audit } = JSON.parse(await stage.proxy.ask("GET", "/audit"));
  const everything = JSON.stringify([override, audit, stage.proxy.log]);
  assert.ok(!everything.includes("PRIVATE KEY"), everything);
});

Deno.test("trace shows the logins of one account, without credentials", async () => {
  await using runtime = await RuntimeStage.create();
  using tracing = await runtime.connect();
  await tracing.send(`trace account ${ALICE} 600\n`);
  await until("the trace", async () => {
    const audit = await runtime.stage.proxy.ask("GET", "/audit");
    return audit.includes("trace account");
  });
  await outcome(runtime, BOB);
  await outcome(runtime, ALICE);
  const text = await tracing.until(" accepted: bridged\n");
  assert.match(
    text,
    / login by LOGIN from 127\.0\.0\.1, imap on imaps, over TLS\n/,
  );
  assert.match(text, / routed to old\n[^]* accepted: bridged\n/);
  assert.ok(!text.includes(PASSWORD) && !text.includes("routed to new"), text);
  assert.match(
    await runtime.ask("trace account alice 0"),
    /Expected 1 to 3600/,
  );
  assert.match(
    await runtime.ask(`trace account ${ALICE} 1`, "operator"),
    /Permission denied/,
  );
});
