/** Clients that send nonsense, stop half-way or leave: each is answered, recorded once, and forgotten. */
import assert from "node:assert/strict";
import type { Fault } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { ALICE, login, Stage } from "../support/stage.ts";
import { until, within } from "../support/wait.ts";

/** The first bytes of a TLS ClientHello whose rest never comes. */
const HALF_HELLO = Uint8Array.fromHex("1603010200010001fc0303");

const line = (bytes: number) => "x".repeat(bytes);

Deno.test("garbage before login is answered as the protocol says and the dialogue goes on", async () => {
  await using stage = await Stage.create();
  using client = await stage.client();
  await client.send("\x01\x02\x7f garbage\r\n");
  assert.match(await client.line(), /^\S+ BAD /);
  assert.equal((await client.transact("NOOP\tx")).status, "BAD");
  assert.equal((await client.transact("NOOP")).status, "OK");
});

Deno.test("a NUL in a command is refused", async () => {
  await using stage = await Stage.create();
  using client = await stage.client();
  const { status } = await client.transact(`LOGIN "${ALICE}\0x" "pw"`);
  assert.match(status, /^(BAD|NO)$/);
  const literal = await client.transact(`LOGIN ${ALICE} {3+}\r\np\0w`);
  assert.match(literal.status, /^(BAD|NO)$/);
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("an endless line ends with BYE", async () => {
  await using stage = await Stage.create();
  for (
    const command of [line(20_000), "a AUTHENTICATE PLAIN " + line(20_000)]
  ) {
    using client = await stage.client();
    // The proxy may close before all is written.
    await client.send(command).catch(() => {});
    assert.match(await client.rest(), /^\* BYE /m);
    assert.equal((await stage.proxy.ended(client)).reason, "preauth-limit");
  }
});

Deno.test("a huge literal is refused before its bytes are awaited", async () => {
  await using stage = await Stage.create();
  using client = await stage.client();
  const tag = client.nextTag();
  await client.send(`${tag} LOGIN {99999999}\r\n`);
  const answer = await client.line();
  assert.match(answer, new RegExp(`^(${tag} (BAD|NO)|\\* BYE) `));

  using other = await stage.client();
  await other.send(`b LOGIN {99999999+}\r\n${line(1000)}`);
  // Its bytes are on the way, so that there is no going on behind them.
  assert.match(await other.rest(), /^(b (BAD|NO)|\* BYE) /m);
  await stage.proxy.ended(other);
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("silence before the login command ends with BYE at preauth_timeout", async () => {
  const listener = { preauth_timeout: "3s" };
  await using stage = await Stage.create({
    config: { listener: { imaps: listener, imap: listener } },
  });
  const halves = ["", "a LOG", `a LOGIN {5}\r\nal`, "a AUTHENTICATE PLAIN\r\n"];
  await Promise.all(halves.map(async (half) => {
    using client = await stage.client();
    await client.send(half);
    assert.match(await client.rest(), /^\* BYE /m, half);
    assert.equal((await stage.proxy.ended(client)).reason, "preauth-timeout");
  }));
  // Without a dialogue there is nobody to say goodbye to.
  using mute = await ImapClient.raw(stage.proxy.listener("imaps"));
  await mute.drain();
  assert.equal((await stage.proxy.ended(mute)).reason, "preauth-timeout");
});

Deno.test("TLS garbage ends the connection", async () => {
  await using stage = await Stage.create();
  for (const bytes of ["a LOGIN x y\r\n", "\x16\x03\x01\xff\xff garbage"]) {
    using client = await ImapClient.raw(stage.proxy.listener("imaps"));
    await client.send(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
    await client.closeWrite();
    await client.drain();
    assert.equal((await stage.proxy.ended(client)).reason, "tls-failed");
  }
  using client = await stage.plainClient();
  assert.equal((await client.transact("STARTTLS")).status, "OK");
  await client.send(Uint8Array.of(22, 3, 1, 0, 5, 9, 9, 9, 9, 9));
  await client.drain();
  assert.equal((await stage.proxy.ended(client)).reason, "tls-failed");
});

Deno.test("a client that leaves before its login is noticed at once", async () => {
  await using stage = await Stage.create();
  const early: [string, () => Promise<ImapClient>][] = [
    ["before the handshake", () => raw(stage)],
    ["within the handshake", async () => {
      const client = await raw(stage);
      await client.send(HALF_HELLO);
      return client;
    }],
    ["after the greeting", () => stage.client()],
    ["within a line", async () => {
      const client = await stage.client();
      await client.send("a LOGIN ali");
      return client;
    }],
    ["within a literal", async () => {
      const client = await stage.client();
      await client.send("a LOGIN {50+}\r\nali");
      return client;
    }],
    ["within SASL", async () => {
      const client = await stage.client();
      await client.send("a AUTHENTICATE PLAIN\r\n");
      await client.line();
      return client;
    }],
    ["after the go-ahead of STARTTLS", async () => {
      const client = await stage.plainClient();
      await client.transact("STARTTLS");
      return client;
    }],
  ];
  for (const [when, make] of early) {
    const client = await make();
    client.close();
    const record = await stage.proxy.ended(client);
    assert.match(String(record.reason), /^(client-closed|tls-failed)$/, when);
  }
  await stage.proxy.empty();
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("a client that leaves while its backend is silent takes the backend's connection along", async () => {
  await using stage = await Stage.create({ old: { tls: "starttls" } });
  const stages = ["greeting", "tls", "starttls", "auth"] as const;
  for (const where of stages) {
    stage.old.faults = { [where]: { kind: "hang" } };
    const before = stage.old.connections.length;
    const client = await stage.client();
    await client.send(`a ${login(ALICE)}\r\n`);
    await until("the dial", () => stage.old.connections.length > before);
    client.close();
    const record = await stage.proxy.ended(client);
    assert.equal(record.reason, "client-closed", where);
    await until("the leg's end", () => stage.old.last.closed);
  }
});

Deno.test("a held client that leaves is forgotten", async () => {
  await using stage = await Stage.create();
  await stage.proxy.ask(
    "POST",
    `/connections/delay?identifier=${ALICE}&seconds=60`,
  );
  const client = await stage.client();
  await client.send(`a ${login(ALICE)}\r\n`);
  await until("the hold", async () => {
    const [session] = await stage.proxy.sessions();
    return session?.stage === "hold";
  });
  client.close();
  assert.equal((await stage.proxy.ended(client)).reason, "client-closed");
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("a bridged client that leaves, by a close or a reset, ends its backend's connection", async () => {
  await using stage = await Stage.create();
  for (const leave of ["close", "reset"]) {
    const client = await stage.loggedIn(ALICE);
    if (leave === "reset") {
      // Unread bytes in the receive buffer turn the close into a reset.
      await client.send("a XBLAST 300000\r\n");
      await client.readBytes(10);
    }
    client.close();
    const record = await stage.proxy.ended(client);
    assert.equal(record.reason, "client-closed", leave);
    await until("the backend's end", () => stage.old.last.closed);
  }
});

Deno.test("over max_connections a connection is closed at once and a place that gets free is used", async () => {
  await using stage = await Stage.create({
    config: { listener: { imaps: { max_connections: 3 } } },
  });
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await stage.client());
  using over = await ImapClient.raw(stage.proxy.listener("imaps"));
  await over.drain();
  assert.equal((await stage.proxy.ended(over)).reason, "max-connections");
  clients.pop()!.close();
  await until("a free place", async () => {
    try {
      clients.push(await stage.client());
      return true;
    } catch {
      return false;
    }
  });
  for (const client of clients) client.close();
});

Deno.test("a session without a byte for bridge_idle is closed in silence", async () => {
  await using stage = await Stage.create({
    config: { server: { bridge_idle: "1s" } },
  });
  using client = await stage.loggedIn(ALICE);
  assert.equal(await client.rest(), "");
  assert.equal((await stage.proxy.ended(client)).reason, "idle");
});

Deno.test("a client that stops reading costs little memory and the backend waits", async () => {
  await using stage = await Stage.create();
  using client = await stage.loggedIn(ALICE);
  const before = stage.proxy.memory();
  await client.send("a XBLAST 500000000\r\n");
  const first = await client.readBytes(1000);
  assert.equal(first?.length, 1000);
  // Nothing tells when a writer is stuck: the same count several times in a row does.
  let seen = -1;
  let same = 0;
  await until("backpressure", async () => {
    const [session] = await stage.proxy.sessions();
    same = session?.bytes_out === seen ? same + 1 : 0;
    seen = Number(session?.bytes_out);
    return same > 20;
  });
  assert.ok(seen < 100_000_000, `${seen} bytes went through`);
  const grown = stage.proxy.memory() - before;
  assert.ok(grown < 30_000, `${grown} KiB more`);
});

Deno.test("2,000 mixed bad sessions leave neither a descriptor nor a session behind", async () => {
  await using stage = await Stage.create({
    config: {
      server: {
        backend_timeout: "400ms",
        backend_connect_retries: 0,
        host_down_threshold: 0,
        log_level: "info",
      },
      listener: {
        imaps: { preauth_timeout: "700ms" },
        imap: { preauth_timeout: "700ms" },
      },
    },
    old: { tls: "starttls", refuse: ({ secret }) => refusal(secret) },
  });
  const faults: readonly Fault[] = [
    { kind: "hang" },
    { kind: "close" },
    { kind: "send", data: "\x00garbage\r\n", then: "hang" },
  ];
  let turn = 0;
  const sometimes = () =>
    ++turn % 11 === 0 ? faults[turn % faults.length] : undefined;
  const stages = ["greeting", "tls", "starttls", "auth"] as const;
  stage.old.faults = {
    ...Object.fromEntries(stages.map((s) => [s, sometimes])),
    bridge: () => ++turn % 11 === 0 ? { kind: "close" } : undefined,
  };
  const run = async (count: number) => {
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const kind = KINDS[next++ % KINDS.length]!;
        await within(kind.name, badSession(stage, kind));
      }
    };
    await Promise.all(Array.from({ length: 24 }, worker));
    await stage.proxy.empty();
    await until(
      "no backend connection",
      () => stage.old.openSessions().length === 0,
    );
  };
  // Once around first: what is made on first use is no leak.
  await run(KINDS.length * 4);
  const descriptors = stage.proxy.descriptors();
  const records = () => stage.proxy.count("session_end");
  const before = records();
  await run(2000);
  await until(
    "the descriptors of before",
    () => stage.proxy.descriptors() <= descriptors,
  );
  await until(
    "one record for each session",
    () => records() - before === 2000,
  );
  // Good sessions go on as ever.
  stage.old.faults = {};
  await stage.proxy.change("/config/server/backend_timeout", "30s");
  await stage.proxy.change("/config/listener/imaps/preauth_timeout", "30s");
  using client = await stage.loggedIn(ALICE);
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
  assert.deepEqual(stage.proxy.noise, []);
});

type Kind = { name: string; run: (client: ImapClient) => Promise<unknown> } & {
  listener: "raw" | "imap" | "imaps";
};

const send = (text: string | Uint8Array) => (client: ImapClient) =>
  client.send(text);
const sendAndWait = (text: string) => async (client: ImapClient) => {
  await client.send(text).catch(() => {});
  await client.drain();
};

/** Every kind is one connection, so that the close records can be counted. */
const KINDS: Kind[] = [
  { name: "gone at once", listener: "raw", run: () => Promise.resolve() },
  { name: "half a hello", listener: "raw", run: send(HALF_HELLO) },
  { name: "no TLS", listener: "raw", run: sendAndWait("a NOOP\r\n\r\n\r\n") },
  { name: "gone after the greeting", listener: "imaps", run: async () => {} },
  { name: "half a line", listener: "imaps", run: send("a LOGI") },
  { name: "half a literal", listener: "imaps", run: send("a LOGIN {9+}\r\nx") },
  { name: "endless line", listener: "imap", run: sendAndWait(line(20_000)) },
  { name: "silence", listener: "imaps", run: sendAndWait("") },
  {
    name: "injection",
    listener: "imap",
    run: sendAndWait("a STARTTLS\r\nb\r\n"),
  },
  {
    name: "no handshake",
    listener: "imap",
    run: async (client) => {
      await client.transact("STARTTLS");
      await client.send("garbage, not TLS\r\n");
      await client.drain();
    },
  },
  {
    name: "refused",
    listener: "imaps",
    run: async (client) => {
      await client.transact(login(ALICE, "refuse"));
      await client.transact("LOGOUT");
    },
  },
  {
    name: "attempts used up",
    listener: "imaps",
    run: async (client) => {
      for (let i = 0; i < 3; i++) await client.transact(login(ALICE, "refuse"));
      await client.drain();
    },
  },
  {
    name: "left while dialling",
    listener: "imaps",
    run: send(
      `a ${login(ALICE)}\r\n`,
    ),
  },
  {
    name: "closed by the backend",
    listener: "imaps",
    run: async (client) => {
      await client.transact(login(ALICE));
      await client.send("b XCLOSE\r\n").catch(() => {});
      await client.drain();
    },
  },
  {
    name: "gone in bulk",
    listener: "imaps",
    run: async (client) => {
      await client.transact(login(ALICE));
      await client.send("b XBLAST 200000\r\n");
    },
  },
];

async function badSession(stage: Stage, kind: Kind): Promise<void> {
  try {
    using client = await (kind.listener === "raw"
      ? raw(stage)
      : kind.listener === "imap"
      ? stage.plainClient()
      : stage.client());
    await kind.run(client);
  } catch {
    // Too slow for the time limit of a login, and cut off: as bad a session as any.
  }
}

function refusal(secret: string): string[] | undefined {
  return secret === "refuse" ? ["NO refused"] : undefined;
}

function raw(stage: Stage): Promise<ImapClient> {
  return ImapClient.raw(stage.proxy.listener("imaps"));
}
