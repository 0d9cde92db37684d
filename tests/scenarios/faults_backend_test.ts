/** Backends that misbehave in each stage: the client gets a temporary failure and may try again. */
import assert from "node:assert/strict";
import {
  type BackendStage,
  FakeImapBackend,
  type Fault,
} from "../support/fake_imap_backend.ts";
import { refusedPort } from "../support/ports.ts";
import { ALICE, BOB, login, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const STAGES: readonly BackendStage[] = [
  "accept",
  "tls",
  "greeting",
  "capability",
  "starttls",
  "id",
  "auth",
];

/** Time enough for a login on a busy machine. */
const LONG = "30s";

/** A stage whose leg passes through all of STAGES, and no breaker in between. */
function everyStage(): Promise<Stage> {
  return Stage.create({
    config: {
      server: {
        backend_timeout: LONG,
        backend_connect_retries: 0,
        host_down_threshold: 0,
      },
      listener: { imaps: { max_auth_attempts: 50 } },
    },
    old: { tls: "starttls", capabilityInGreeting: false },
    oldDestination: { forwarding: "xclient" },
  });
}

/**
 * What each fault in each stage must give: an answer, a living dialogue, and a leg that is gone. `timeout`: of
 * the backend, as long as it has the fault.
 */
async function temporary(
  stage: Stage,
  what: string,
  timeout = LONG,
): Promise<void> {
  using client = await stage.client();
  const before = stage.old.connections.length;
  await stage.proxy.change("/config/server/backend_timeout", timeout);
  const { status, text } = await client.transact(login(ALICE));
  assert.equal(status, "NO", what);
  assert.match(text, /^\[UNAVAILABLE\]/, what);
  await until(
    `${what}: the leg's end`,
    () => stage.old.connections.length > before && stage.old.last.closed,
  );
  await stage.proxy.change("/config/server/backend_timeout", LONG);
  const other = await client.transact(login(BOB));
  assert.match(other.text, /logged in to new/, what);
  client.close();
  await stage.proxy.ended(client);
}

for (
  const [kind, fault] of Object.entries<Fault>({
    hangs: { kind: "hang" },
    closes: { kind: "close" },
    "answers garbage": {
      kind: "send",
      data: "\x00\xff\x01 what?\r\n%t ??? no\r\n",
      then: "close",
    },
    "says BYE": { kind: "send", data: "* BYE go away\r\n", then: "close" },
    floods: { kind: "flood", line: "* OK " + "x".repeat(4000) + "\r\n" },
    "sends an endless line": { kind: "flood", line: "x".repeat(5000) },
  })
) {
  Deno.test(`a backend that ${kind} in any stage is a temporary failure`, async () => {
    await using stage = await everyStage();
    for (const where of STAGES) {
      // Bytes in a TLS stage are no TLS, whatever they say.
      stage.old.faults = { [where]: fault };
      const timeout = fault.kind === "hang" ? "700ms" : LONG;
      await temporary(stage, `${kind}: ${where}`, timeout);
    }
    stage.old.faults = {};
    using client = await stage.loggedIn(ALICE);
    assert.equal((await client.transact("NOOP")).text, "NOOP old");
  });
}

Deno.test("a backend that refuses connections is a temporary failure, logged once with the reason", async () => {
  const dead = refusedPort();
  await using stage = await Stage.create({
    config: {
      destination: { old: { protocol: { imap: { port: dead } } } },
    },
  });
  using client = await stage.client();
  const { status, text } = await client.transact(login(ALICE));
  assert.equal(status, "NO");
  assert.match(text, /^\[UNAVAILABLE\]/);
  assert.doesNotMatch(text, /127\.0\.0\.1|refused|os error/);
  assert.match((await client.transact(login(BOB))).text, /to new$/);
});

Deno.test("PREAUTH from a backend is never bridged", async () => {
  await using stage = await Stage.create({
    old: { greeting: "* PREAUTH [CAPABILITY IMAP4rev1] welcome" },
  });
  using client = await stage.client();
  const { text } = await client.transact(login(ALICE));
  assert.match(text, /^\[UNAVAILABLE\]/);
  assert.equal(stage.old.last.credentials.length, 0);
});

Deno.test("a STARTTLS leg whose backend does not offer it, or fails it, never sees credentials", async () => {
  await using stage = await everyStage();
  stage.old.faults = {
    starttls: { kind: "send", data: "%t NO not today\r\n", then: "hang" },
  };
  await temporary(stage, "STARTTLS refused");
  assert.deepEqual(stage.old.connections.map((c) => c.credentials), [[]]);

  await using bare = await Stage.create({
    old: { tls: "plain", capability: ["IMAP4rev1", "AUTH=PLAIN", "SASL-IR"] },
    oldDestination: {
      allow_plaintext_auth: undefined,
      tls_server_name: "backend.test",
      protocol: { imap: { tls: "starttls" } },
    },
  });
  using client = await bare.client();
  assert.match((await client.transact(login(ALICE))).text, /^\[UNAVAILABLE\]/);
  assert.deepEqual(bare.old.last.credentials, []);
});

Deno.test("a backend that closes right after the login ends the session with a record", async () => {
  await using stage = await Stage.create();
  stage.old.faults = { bridge: { kind: "close" } };
  using client = await stage.loggedIn(ALICE);
  assert.equal(await client.lineOrEnd(), null);
  client.close();
  assert.equal((await stage.proxy.ended(client)).reason, "backend-closed");
});

Deno.test("a refused login is no failure of the backend", async () => {
  await using stage = await Stage.create({
    config: {
      server: { host_down_threshold: 1, host_down_min_clients: 1 },
      listener: { imaps: { max_auth_attempts: 10 } },
    },
    old: { refuse: () => ["NO wrong"] },
  });
  using client = await stage.client();
  for (let i = 0; i < 4; i++) {
    assert.equal((await client.transact(login(ALICE))).text, "wrong");
  }
});

Deno.test("the breaker opens after a streak, says so in the API, and closes on a success", async () => {
  await using stage = await Stage.create({
    config: {
      server: {
        host_down_threshold: 3,
        host_down_min_clients: 1,
        host_down_cooldown: "1h",
      },
      listener: { imaps: { max_auth_attempts: 20 } },
    },
  });
  stage.old.faults = { greeting: { kind: "close" } };
  const state = async () => {
    const all = JSON.parse(await stage.proxy.ask("GET", "/destinations"));
    return all.destinations.find((d: { destination: string }) =>
      d.destination === "old"
    );
  };
  using client = await stage.client();
  for (let i = 0; i < 3; i++) await client.transact(login(ALICE));
  await until("the open breaker", async () => (await state()).down);
  assert.equal((await state()).consecutive_failures, 3);
  const before = stage.old.connections.length;
  const { text } = await client.transact(login(ALICE));
  assert.match(text, /^\[UNAVAILABLE\]/);
  assert.equal(stage.old.connections.length, before, "not even dialled");
  stage.old.faults = {};
  await stage.proxy.ask("POST", "/destinations/reset?destination=old");
  assert.equal((await client.transact(login(ALICE))).status, "OK");
  assert.equal((await state()).consecutive_failures, 0);
});

Deno.test("after the cool-down one connection probes while the others are refused", async () => {
  await using stage = await Stage.create({
    config: {
      server: {
        host_down_threshold: 1,
        host_down_min_clients: 1,
        host_down_cooldown: "300ms",
      },
      listener: { imaps: { max_auth_attempts: 20 } },
    },
  });
  stage.old.faults = { greeting: { kind: "close" } };
  using first = await stage.client();
  await first.transact(login(ALICE));
  // The probe hangs, and while it does nobody else gets through.
  stage.old.faults = { greeting: { kind: "hang" } };
  const before = stage.old.connections.length;
  await until("the probe", async () => {
    using client = await stage.client();
    let isRefused = false;
    const answered = client.transact(login(ALICE)).then(() => isRefused = true);
    await until(
      "an answer or a dial",
      () => isRefused || stage.old.connections.length > before,
    );
    if (isRefused) return false;
    using other = await stage.client();
    const refused = await other.transact(login(ALICE));
    assert.match(refused.text, /^\[UNAVAILABLE\]/);
    assert.equal(stage.old.connections.length, before + 1);
    stage.old.closeAll();
    await answered;
    return true;
  });
  stage.old.faults = {};
  await until("recovery", async () => {
    using client = await stage.client();
    return (await client.transact(login(ALICE))).status === "OK";
  });
});

Deno.test("a connection that fails is tried again before the client hears of it", async () => {
  const port = refusedPort();
  await using stage = await Stage.create({
    config: {
      server: { backend_connect_retries: 20 },
      destination: { old: { protocol: { imap: { port } } } },
    },
  });
  using client = await stage.client();
  await client.send(`r ${login(ALICE)}\r\n`);
  await until("the dial", async () => {
    const [session] = await stage.proxy.sessions();
    return session?.stage === "dial";
  });
  await using late = new FakeImapBackend({ name: "late", port });
  assert.match((await client.reply("r")).text, /logged in to late/);
  assert.equal(late.connections.length, 1);
  client.close();
  await stage.proxy.ended(client);
});
