/** One process takes over from another: what both keep, and what a failed takeover leaves. */
import assert from "node:assert/strict";
import { Taking } from "../../src/control/takeover/taking.ts";
import { ImapClient } from "../support/imap_client.ts";
import { NotifySocket } from "../support/notify_socket.ts";
import { Mailferry } from "../support/mailferry.ts";
import { ALICE, BOB, loggedIn, login, Stage } from "../support/stage.ts";
import { command, takeoverStage } from "../support/takeover_stage.ts";
import { Gate, until, within } from "../support/wait.ts";

/** Where a client's session ended up. */
async function server(client: ImapClient): Promise<string> {
  return (await client.transact("NOOP")).text.replace("NOOP ", "");
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** The proxy serves as if nobody had ever tried to take over from it. */
async function isAsBefore(stage: Stage, socket: string): Promise<void> {
  const { proxy } = stage;
  assert.ok(!await exists(`${socket}.${proxy.pid}`));
  assert.match(await command(socket, "show info"), /^Pid: /m);
  await proxy.move(BOB, "old");
  using client = await stage.loggedIn(BOB);
  assert.equal(await server(client), "old");
  await proxy.move(BOB, "new");
  await proxy.ask("POST", "/config/reload");
  assert.equal((await proxy.admin("GET", "/readyz")).status, 200);
}

Deno.test("a takeover leaves sessions where they are, and new ones are the new process's", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  const { proxy } = stage;
  using alice = await stage.loggedIn(ALICE);
  await using next = await proxy.successor(socket);
  using bob = (await loggedIn(next, BOB)).client;
  assert.equal(await server(alice), "old");
  assert.equal(await server(bob), "new");

  const accounts = (await next.sessions()).map((each) => each.identifier);
  assert.deepEqual(accounts.sort(), [ALICE, BOB]);
  const aside = `${socket}.${proxy.pid}`;
  assert.match(await command(aside, "show sess all"), new RegExp(ALICE));
  assert.doesNotMatch(await command(aside, "show sess all"), new RegExp(BOB));
  assert.match(
    await command(socket, "show info"),
    new RegExp(`^Pid: ${next.pid}$`, "m"),
  );

  alice.close();
  assert.equal(
    (await within("the end of the old process", proxy.exited)).code,
    0,
  );
  assert.ok(!await exists(aside));
  assert.equal(await server(bob), "new");
  await next.event("old_process_gone");
});

Deno.test("an account that is moved after a takeover is moved for logins in the old process too", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  using gate = new Gate();
  using early = await stage.client();
  using late = await stage.client();
  stage.old.faults = { auth: { kind: "gate", gate } };
  const underWay = early.transact(login(ALICE));
  await within("the login at the backend", gate.reached);
  await using next = await stage.proxy.successor(socket);
  await next.move(ALICE, "new");
  gate.open();
  assert.equal((await underWay).status, "NO");
  // Its connection is the old process's, and so is its login.
  assert.equal((await late.transact(login(ALICE))).status, "OK");
  assert.equal(await server(late), "new");
  assert.equal(stage.proxy.count("session_end"), 0);
  assert.equal(await next.kick(ALICE), 1);
  assert.equal((await stage.proxy.ended(late)).reason, "kicked");
});

Deno.test("a hold goes on in the new process, and holds and ends for both", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  const hold = (seconds: number) =>
    `/connections/delay?identifier=${ALICE}&seconds=${seconds}`;
  using before = await stage.client();
  await stage.proxy.ask("POST", hold(100));
  await using next = await stage.proxy.successor(socket);
  using after = await ImapClient.tls(next.listener("imaps"), next.ca);
  const logins = [before, after].map((each) => each.transact(login(ALICE)));
  await until("both logins to be held", async () => {
    const stages = (await next.sessions()).map((each) => each.stage);
    return stages.filter((each) => each === "hold").length === 2;
  });
  await next.ask("POST", hold(0));
  for (const each of logins) assert.equal((await each).status, "OK");
});

Deno.test("what was set at run time, and a configuration that was changed, survive takeovers", async () => {
  await using it = await takeoverStage({
    config: { acl: { staff: {} } },
  });
  const { stage, socket } = it;
  const kept = () => Deno.readTextFile(`${it.state}/overrides.json`);
  const add = async (range: string) =>
    assert.equal(
      (await command(socket, `add acl staff ${range}`)).trim(),
      "",
    );
  const shown = () => command(socket, "show acl staff");
  await add("192.0.2.0/24");
  await stage.proxy.change("/config/server/log_level", "trace");
  await using second = await stage.proxy.successor(socket);
  await add("198.51.100.0/24");
  await using third = await second.successor(socket);
  assert.match(await shown(), /192\.0\.2\.0\/24[^]*198\.51\.100\.0\/24/);
  const { body } = await third.admin("GET", "/config/server/log_level");
  assert.equal(body, '"trace"\n');
  await add("203.0.113.0/24");
  assert.match(
    await kept(),
    /192\.0\.2\.0[^]*198\.51\.100\.0[^]*203\.0\.113\.0/,
  );
  const saved = await Deno.readTextFile(`${it.state}/config.json`);
  assert.equal(JSON.parse(saved).server.log_level, "trace");
});

Deno.test("a breaker that is open stays open over a takeover", async () => {
  await using it = await takeoverStage({
    config: {
      server: {
        host_down_threshold: 2,
        host_down_min_clients: 1,
        host_down_cooldown: "10m",
      },
    },
  });
  const { stage, socket } = it;
  stage.new_.faults = { greeting: { kind: "close" } };
  for (let i = 0; i < 2; i++) {
    using client = await stage.client();
    assert.equal((await client.transact(login(BOB))).status, "NO");
  }
  await using next = await stage.proxy.successor(socket);
  const destinations = JSON.parse(await next.ask("GET", "/destinations"));
  const found = (destinations.destinations ?? destinations)
    .find((each: { destination: string }) => each.destination === "new");
  assert.ok(found.down);
});

Deno.test("a listener's limit counts the old process's sessions", async () => {
  await using it = await takeoverStage({
    config: { listener: { imaps: { max_connections: 1 } } },
  });
  const { stage, socket } = it;
  const old = await stage.loggedIn(ALICE);
  await using next = await stage.proxy.successor(socket);
  const open = () => ImapClient.tls(next.listener("imaps"), next.ca);
  await assert.rejects(open());
  old.close();
  const client = await until("a place", () => open().catch(() => null));
  using placed = client!;
  assert.equal((await placed.transact(login(ALICE))).status, "OK");
});

Deno.test("a new process that dies before it is ready changes nothing", async (t) => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  const { proxy } = stage;
  using alice = await stage.loggedIn(ALICE);
  await t.step("killed while it starts", async () => {
    await using rival = proxy.rival(socket);
    await proxy.event("takeover_begun");
    rival.signal("SIGKILL");
    await rival.exited;
    await proxy.event("takeover_failed");
    await isAsBefore(stage, socket);
  });
  const steps = ["claim", "begin", "switch"] as const;
  for (const [i, last] of steps.entries()) {
    await t.step(`gone after ${last}`, async () => {
      const taking = await Taking.claim(socket);
      if (i >= 1) await taking.begin();
      if (i >= 2) await taking.switch();
      const waiting = proxy.move(BOB, "new");
      await taking.giveUp(`gone after ${last}`);
      await proxy.entry("why", (e) => e.reason === `gone after ${last}`);
      await within("the change", waiting);
      await isAsBefore(stage, socket);
    });
  }
  await using next = await proxy.successor(socket);
  assert.equal(await server(alice), "old");
  assert.equal((await next.sessions()).length, 1);
});

Deno.test("a new process that cannot serve says why, to whoever started it and to the running one", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  const { proxy, ground } = stage;
  const good = await Deno.readTextFile(proxy.configFile);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const bad: [name: string, text: string, code: number, reason: RegExp][] = [
    ["no.toml", "[listener", 78, /no\.toml/],
    [
      "port.toml",
      `${good}\n[listener.more]\nprotocol = "imap"\ntls = "implicit"\nbind = ["127.0.0.1:${taken.addr.port}"]\n`,
      1,
      /listener more: cannot bind/,
    ],
  ];
  for (const [name, text, code, reason] of bad) {
    const file = `${ground.folder}/${name}`;
    await Deno.writeTextFile(file, text);
    await using rival = proxy.rival(socket, file);
    assert.equal((await within("its end", rival.exited)).code, code);
    await proxy.entry(
      "the reason",
      (e) => e.event === "takeover_failed" && reason.test(String(e.reason)),
    );
    await until("its message", () => reason.test(rival.noise.join("\n")));
    rival.noise.length = 0;
    await isAsBefore(stage, socket);
  }
});

Deno.test("of two processes that take over at once the second is refused", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  const first = await Taking.claim(socket);
  await using rival = stage.proxy.rival(socket);
  assert.equal((await within("its end", rival.exited)).code, 1);
  await until("its message", () => /already/.test(rival.noise.join()));
  rival.noise.length = 0;
  await first.giveUp("the test is over");
  await stage.proxy.event("takeover_failed");
  await isAsBefore(stage, socket);
});

Deno.test("a new process that dies after it was ready leaves the old one its sessions, and the ports", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  const { proxy, ground } = stage;
  using alice = await stage.loggedIn(ALICE);
  const next = await proxy.successor(socket);
  next.signal("SIGKILL");
  await next[Symbol.asyncDispose]();
  await proxy.event("successor_gone");
  assert.equal(await server(alice), "old");
  // What a service manager does: the same configuration, and nobody to take over from.
  await using again = proxy.again();
  await again.event("ready");
  assert.match(
    await command(socket, "show info"),
    new RegExp(`^Pid: ${again.pid}$`, "m"),
  );
  using bob = (await loggedIn(again, BOB)).client;
  assert.equal(await server(bob), "new");
  alice.close();
  assert.equal((await within("its end", proxy.exited)).code, 0);
  assert.match(await command(socket, "show info"), /^Pid: /m);
  void ground;
});

Deno.test("an upgrade starts the program anew, which becomes the service", async () => {
  await using service = await NotifySocket.open();
  await using it = await takeoverStage({
    environment: {
      NOTIFY_SOCKET: service.path,
      WATCHDOG_USEC: "1000000",
    },
  });
  const { stage } = it;
  const { proxy } = stage;
  using alice = await stage.loggedIn(ALICE);
  const [, pid] = /^process (\d+) has taken over\n$/.exec(
    await proxy.ask("POST", "/upgrade"),
  )!;
  try {
    await until(
      "the new process to be the service",
      () => service.states.length >= 3,
    );
    assert.deepEqual(service.states, ["READY=1", `MAINPID=${pid}`, "READY=1"]);
    assert.equal((await proxy.sessions()).length, 1);
    await until("the new process to keep the watchdog content", async () => {
      service.messages.length = 0;
      await until("a sign of life", () => service.messages.length > 0);
      return service.messages.includes("WATCHDOG=1");
    });
    assert.equal(await proxy.kick(ALICE), 1);
    assert.equal((await within("its end", proxy.exited)).code, 0);
    assert.equal(await alice.lineOrEnd(), null);
    assert.equal((await proxy.admin("GET", "/readyz")).status, 200);
    assert.ok(!service.states.some((state) => state.startsWith("STOPPING")));
  } finally {
    Deno.kill(Number(pid), "SIGTERM");
    await until(
      "the end of the new process",
      () =>
        proxy.log.some((entry) =>
          entry.event === "stopped" && proxy.count("stopped") === 2
        ),
    );
  }
});

Deno.test("an upgrade that fails says why, and one without a socket for it is refused", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  const { proxy } = stage;
  const good = await Deno.readTextFile(proxy.configFile);
  await Deno.writeTextFile(proxy.configFile, "[listener");
  const failed = await proxy.admin("POST", "/upgrade");
  assert.equal(failed.status, 500);
  assert.match(failed.body, /proxy-\d+\.toml/);
  await Deno.writeTextFile(proxy.configFile, good);
  await until("its message", () => proxy.noise.length > 0);
  proxy.noise.length = 0;
  await isAsBefore(stage, socket);

  await using plain = await Stage.create();
  const refused = await plain.proxy.admin("POST", "/upgrade");
  assert.equal(refused.status, 409);
  assert.match(refused.body, /expose_listeners/);
});

/** Do something over and over until it is to stop; answers how often. Whatever fails is thrown. */
function again(act: () => Promise<void>) {
  let running = true;
  let count = 0;
  const done = (async () => {
    for (; running; count++) await act();
  })();
  // Looked at when it is stopped.
  done.catch(() => {});
  return async () => {
    running = false;
    await done;
    return count;
  };
}

Deno.test("the management API and the runtime socket answer without a gap", async () => {
  await using it = await takeoverStage();
  const { stage, socket } = it;
  let to = "old";
  const stops = [
    again(async () => {
      to = to === "old" ? "new" : "old";
      await stage.proxy.move(BOB, to);
      const { body } = await stage.proxy.admin(
        "GET",
        `/mappings?identifier=${BOB}`,
      );
      assert.equal(JSON.parse(body).destination, to);
    }),
    again(async () => {
      await stage.proxy.ask("GET", "/sessions");
      await stage.proxy.change("/config/server/log_level", "debug");
    }),
    again(async () => {
      assert.match(await command(socket, "show info"), /^Pid: /m);
      const answer = await command(socket, `set map mappings ${ALICE} new`);
      assert.equal(answer.trim(), "");
    }),
  ];
  const others: Mailferry[] = [];
  try {
    for (let i = 0; i < 3; i++) {
      others.push(await (others.at(-1) ?? stage.proxy).successor(socket));
    }
    await within("the end of the first", stage.proxy.exited);
    for (const stop of stops) assert.ok(await stop() > 10);
  } finally {
    for (const each of others) await each[Symbol.asyncDispose]();
  }
});
