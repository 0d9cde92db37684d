/** Two proxies as one: what is done at one of them, both do. */
import assert from "node:assert/strict";
import { ClusterStage } from "../support/cluster_stage.ts";
import type { Mailferry } from "../support/mailferry.ts";
import { Postgres } from "../support/postgres.ts";
import { RedisServer } from "../support/redis.ts";
import { absent, needs } from "../support/requirements.ts";
import { ALICE, BOB, login } from "../support/stage.ts";
import { until, within } from "../support/wait.ts";
import { ImapClient } from "../support/imap_client.ts";

/** The server that carries the messages. */
interface BusServer extends AsyncDisposable {
  readonly url: string;
  crash(): Promise<void>;
  resurrect(): Promise<void>;
  pause(): Promise<void>;
  resume(): void;
}

interface Kind {
  readonly bus: "redis" | "postgres";
  readonly needs: readonly string[];
  start(): Promise<BusServer>;
}

const KINDS: readonly Kind[] = [
  {
    bus: "redis",
    needs: ["redis-server"],
    async start() {
      const redis = await RedisServer.start({ password: "p@ss/word" });
      return {
        url: `redis://:${
          encodeURIComponent("p@ss/word")
        }@127.0.0.1:${redis.port}`,
        crash: () => redis.kill(),
        resurrect: () => redis.run(),
        pause: () => Promise.resolve(redis.signal("SIGSTOP")),
        resume: () => redis.signal("SIGCONT"),
        [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
      };
    },
  },
  {
    bus: "postgres",
    needs: ["postgres"],
    async start() {
      const postgres = await Postgres.start();
      const { server } = postgres;
      return {
        url: postgres.url(),
        crash: () => server.crash(),
        resurrect: () => server.resurrect(),
        pause: () => server.pause(),
        resume: () => server.resume(),
        [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
      };
    },
  },
];

const path = (route: string, parameters: Record<string, string>) =>
  `${route}?${new URLSearchParams(parameters)}`;

async function readyz(proxy: Mailferry): Promise<string> {
  const { status, body } = await proxy.admin("GET", "/readyz");
  return `${status} ${body}`;
}

async function metric(proxy: Mailferry, name: string): Promise<number> {
  const text = await proxy.ask("GET", "/metrics");
  const line = text.split("\n").find((line) =>
    line.startsWith(`mailferry_${name} `)
  );
  return Number(line?.split(" ")[1]);
}

for (const { bus, needs: programs, start } of KINDS) {
  /** For all tests that leave it running. */
  let shared: BusServer;
  Deno.test.beforeAll(async () => {
    if (absent(programs).length === 0) shared = await start();
  });
  Deno.test.afterAll(async () => {
    await shared?.[Symbol.asyncDispose]();
  });

  const test = (
    name: string,
    run: (stage: ClusterStage, server: BusServer) => Promise<void>,
  ) =>
    needs(programs, `cluster over ${bus}: ${name}`, async () => {
      const { url } = shared;
      await using stage = await ClusterStage.create({ bus, url });
      await run(stage, shared);
    });

  test("a move at one proxy ends and routes anew at both", async (stage) => {
    const { a, b } = stage;
    const here = await stage.loggedIn(a, ALICE);
    const there = await stage.loggedIn(b, ALICE);
    assert.deepEqual([here.backend, there.backend], ["old", "old"]);
    await stage.move(a, ALICE, "new");
    await stage.kick(a, ALICE, 2);
    for (const { client } of [here, there]) {
      await within("the end of the session", client.drain());
      client.close();
    }
    assert.equal(await stage.whereIs(b, ALICE), "new");
    assert.equal(await stage.whereIs(a, ALICE), "new");
  });

  test("accounts that are moved in one call are moved at both", async (stage) => {
    const { a, b } = stage;
    const clients = await Promise.all(
      [a, b, b].map((proxy) => stage.loggedIn(proxy, ALICE)),
    );
    const { status, body } = await a.admin("POST", "/accounts/move", {
      body: JSON.stringify({
        accounts: [{ identifier: ALICE, aliases: ["alice"] }],
        destination: "new",
      }),
    });
    assert.equal(status, 200, body);
    const { change, accounts, not_reached } = JSON.parse(body);
    assert.equal(accounts[0].result, "moved");
    if (not_reached === undefined) assert.equal(accounts[0].kicked, 3);
    for (const { client } of clients) {
      await within("the end of the session", client.drain());
      client.close();
    }
    for (const proxy of [a, b]) {
      assert.equal(await stage.whereIs(proxy, ALICE), "new");
      assert.equal(await stage.whereIs(proxy, "alice"), "new");
    }
    b.signal("SIGSTOP");
    try {
      const undone = await a.admin("POST", `/accounts/move/${change}/undo`);
      assert.deepEqual(JSON.parse(undone.body).not_reached, [
        "b: no answer within 1000 ms",
      ]);
    } finally {
      b.signal("SIGCONT");
    }
    // A login that comes in the middle of it is told to come again.
    await until(
      "alice's way back at b",
      async () => await stage.whereIs(b, ALICE).catch(() => "") === "old",
    );
  });

  test("mappings, cache and holds are everybody's", async (stage) => {
    const { a, b, store } = stage;
    assert.equal(await stage.whereIs(b, BOB), "new");
    const mapping = path("/mappings", { identifier: BOB });
    assert.match(await a.ask("DELETE", mapping), /^removed\n/);
    await stage.settled(a);
    assert.equal(await stage.whereIs(b, BOB), "old");
    // Behind the proxies' backs, which a cache does not notice.
    store.sql(`INSERT INTO mailbox_routes VALUES ('${BOB}', 'new');`);
    assert.equal(await stage.whereIs(b, BOB), "old");
    await a.ask("POST", "/cache/invalidate");
    await stage.settled(a);
    assert.equal(await stage.whereIs(b, BOB), "new");

    const delay = async (seconds: string) => {
      const route = path("/connections/delay", { identifier: BOB, seconds });
      assert.match(await a.ask("POST", route), /^ok\n/);
      await stage.settled(a);
    };
    await delay("60");
    using held = await ImapClient.tls(b.listener("imaps"), b.ca);
    await held.send(`h ${login(BOB)}\r\n`);
    await until("a held login at b", async () => {
      const { sessions } = JSON.parse(
        await a.ask("GET", path("/sessions", { scope: "cluster" })),
      );
      return sessions.some((each: Record<string, unknown>) =>
        each.node === "b" && each.stage === "hold"
      );
    });
    await stage.move(a, BOB, "old");
    await delay("0");
    assert.match((await held.reply("h")).text, /logged in to old/);
  });

  test("members and their sessions are listed, and ended by id", async (stage) => {
    const { a, b } = stage;
    using client = (await stage.loggedIn(b, ALICE)).client;
    const view = await stage.cluster(a);
    assert.deepEqual([view.bus, view.connected], [bus, true]);
    assert.deepEqual(
      view.members.map(({ node, is_self }) => [node, is_self]),
      [["a", true], ["b", false]],
    );
    assert.match(view.members[1]!.version, /^\d+\.\d+\.\d+$/);
    const route = path("/sessions", { scope: "cluster", identifier: ALICE });
    const [session] = await until("a whole list", async () => {
      const { sessions, incomplete } = JSON.parse(await a.ask("GET", route));
      return incomplete.length === 0 && sessions;
    });
    assert.deepEqual([session.node, session.identifier], ["b", ALICE]);
    await a.admin("DELETE", `/sessions/${session.id}`);
    await within("the end of the session", client.drain());
    assert.equal((await a.admin("DELETE", "/sessions/none")).status, 404);
    assert.equal(await metric(a, "cluster_members"), 2);
    assert.equal(await metric(a, "cluster_up"), 1);
    b.signal("SIGTERM");
    await b.exited;
    await until(
      "one member",
      async () => (await stage.cluster(a)).members.length === 1,
    );
  });

  test("a member that hangs is named, and does what it missed", async (stage) => {
    const { a, b } = stage;
    using client = (await stage.loggedIn(b, ALICE)).client;
    b.signal("SIGSTOP");
    try {
      assert.equal(
        await a.move(ALICE, "new"),
        "ok\nnot reached: b: no answer within 1000 ms\n",
      );
      assert.match(
        await a.ask(
          "POST",
          path("/connections/kick", { identifier: ALICE }),
        ),
        /^kicked 0\nnot reached: b: /,
      );
    } finally {
      b.signal("SIGCONT");
    }
    await within("the end of the session", client.drain());
    assert.equal(await stage.whereIs(b, ALICE), "new");
  });

  needs(
    programs,
    `cluster over ${bus}: a bus that dies and comes back: alone meanwhile, and nothing stale afterwards`,
    async () => {
      await using server = await start();
      await using stage = await ClusterStage.create({ bus, url: server.url });
      const { a, b } = stage;
      assert.equal(await stage.whereIs(b, ALICE), "old");
      using client = (await stage.loggedIn(b, ALICE)).client;
      await server.crash();
      for (const proxy of [a, b]) {
        await proxy.event("cluster_down");
        assert.match(
          await readyz(proxy),
          /^200 ok\nthe cluster bus does not work, this proxy is alone: /,
        );
        assert.equal(await metric(proxy, "cluster_up"), 0);
      }
      assert.match(
        await a.move(ALICE, "new"),
        /^ok\nnot reached: all other proxies: /,
      );
      assert.match(
        await a.ask("POST", path("/connections/kick", { identifier: ALICE })),
        /^kicked 0\nnot reached: all other proxies: /,
      );
      // Each works on with what it knows.
      assert.equal(await stage.whereIs(a, ALICE), "new");
      assert.equal(await stage.whereIs(b, ALICE), "old");
      await server.resurrect();
      await stage.together();
      // A login that is under way when the late kick comes is ended with the others.
      await within("the end of the session", client.drain());
      assert.equal(await stage.whereIs(b, ALICE), "new");
      for (const proxy of [a, b]) assert.equal(await readyz(proxy), "200 ok\n");
    },
  );

  test(
    "a bus that hangs holds nobody up, and is noticed",
    async (stage, server) => {
      const { a, b } = stage;
      assert.equal(await stage.whereIs(b, ALICE), "old");
      await server.pause();
      try {
        assert.match(await a.move(ALICE, "new"), /^ok\nnot reached: b: /);
        for (const proxy of [a, b]) await proxy.event("cluster_down");
        assert.equal(await stage.whereIs(a, ALICE), "new");
      } finally {
        server.resume();
      }
      await stage.together();
      assert.equal(await stage.whereIs(b, ALICE), "new");
    },
  );

  test("two proxies that move an account at once: the store decides, and both say what happened", async (stage) => {
    const { a, b } = stage;
    for (let i = 0; i < 10; i++) {
      const put = (proxy: Mailferry, destination: string) =>
        proxy.admin(
          "PUT",
          path("/mappings", { identifier: ALICE, destination }),
        );
      const [toOld, toNew] = await Promise.all([put(a, "old"), put(b, "new")]);
      const [row] = stage.store.rows(
        `SELECT destination FROM mailbox_routes WHERE identifier = '${ALICE}'`,
      );
      const winner = Object.values(row!)[0];
      const [won, lost] = winner === "old" ? [toOld, toNew] : [toNew, toOld];
      assert.equal(won.status, 200);
      assert.match(won.body, /^ok\n/);
      if (lost.status !== 200) {
        assert.equal(lost.status, 409);
        assert.match(lost.body, new RegExp(`overtaken .* on ${winner} now`));
      }
      for (const proxy of [a, b]) await stage.settled(proxy);
      for (const proxy of [a, b]) {
        assert.equal(await stage.whereIs(proxy, ALICE), winner);
      }
    }
  });

  needs(
    programs,
    `cluster over ${bus}: a proxy joins and leaves while it serves, and a wrong password is said`,
    async () => {
      const cluster = { bus, url: shared.url };
      await using stage = await ClusterStage.create(cluster);
      const { a, b } = stage;
      await b.reconfigure({ cluster: undefined });
      await b.ask("POST", "/config/reload");
      await until(
        "one member",
        async () => (await stage.cluster(a)).members.length === 1,
      );
      assert.deepEqual(await stage.cluster(b), {
        bus: null,
        connected: false,
        problem: null,
        members: [],
      });
      const wrong = shared.url.replace(/:[^:@/]+@/, ":wrong@");
      await b.reconfigure({ cluster: { bus, url: wrong, node: "b" } });
      await b.ask("POST", "/config/reload");
      const { reason } = await b.event("cluster_down");
      assert.match(String(reason), /WRONGPASS|: wrong user or password$/);
      await b.reconfigure({ cluster: { ...cluster, node: "b" } });
      await b.ask("POST", "/config/reload");
      await stage.together();
      const log = JSON.stringify([...a.log, ...b.log]);
      for (const secret of ["p@ss", "p%40ss", "wrong@"]) {
        assert.ok(!log.includes(secret), secret);
      }
    },
  );
}
