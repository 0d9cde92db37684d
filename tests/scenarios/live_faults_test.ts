/** Changes of the running configuration that cannot be made: nothing has changed, and the answer says why. */
import assert from "node:assert/strict";
import { Disk } from "../support/disk.ts";
import type { Mailferry } from "../support/mailferry.ts";
import { freePorts, refusedPort } from "../support/ports.ts";
import { destination, type Table } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { RuntimeStage } from "../support/runtime_stage.ts";
import { ALICE, BOB, Stage } from "../support/stage.ts";

const change = (
  proxy: Mailferry,
  method: string,
  path: string,
  value: unknown,
) => proxy.admin(method, `/config/${path}`, { body: JSON.stringify(value) });

async function assertRefused(port: number, hostname = "127.0.0.1") {
  await assert.rejects(
    Deno.connect({ hostname, port }),
    Deno.errors.ConnectionRefused,
  );
}

/** A listener of clear IMAP there. */
const listener = (...bind: string[]): Table => ({
  protocol: "imap",
  tls: "starttls",
  bind,
});

const UNWRITABLE: [
  name: string,
  reason: RegExp,
  spoil: (disk: Disk) => Promise<void>,
  mend: (disk: Disk) => Promise<void>,
][] = [
  [
    "full",
    /No space left on device/,
    (disk) => disk.fill(),
    (disk) => disk.empty(),
  ],
  [
    "read-only",
    /Read-only file system/,
    (disk) => disk.readOnly(),
    (disk) => disk.writable(),
  ],
];

for (const [name, reason, spoil, mend] of UNWRITABLE) {
  needs(
    ["mount"],
    `a state folder that is ${name}: changes are refused and change nothing, the file is still reloaded`,
    async () => {
      await using disk = await Disk.mount("256k");
      await using runtime = await RuntimeStage.create({ state: disk.folder });
      const { stage } = runtime;
      const { proxy } = stage;
      const tell = (line: string) => runtime.ask(line);
      using session = await stage.loggedIn(ALICE);
      const limit = "listener/imap/max_connections";
      assert.equal((await change(proxy, "PUT", limit, 50)).status, 200);
      assert.equal(await tell("set maxconn frontend imaps 60"), "\n");
      const kept = () =>
        Promise.all(
          ["config.json", "overrides.json"].map((file) =>
            Deno.readTextFile(`${disk.folder}/${file}`)
          ),
        );
      const files = disk.files();
      const before = await kept();
      const documented = await proxy.ask("GET", "/config/");
      await spoil(disk);

      const port = refusedPort();
      for (
        const [method, path, value] of [
          ["PATCH", limit, 51],
          ["PUT", "listener/extra", listener(`127.0.0.1:${port}`)],
          ["DELETE", "listener/imap", undefined],
          ["PATCH", "admin/bind", `127.0.0.1:${port}`],
        ] as const
      ) {
        const { status, body } = await change(proxy, method, path, value);
        assert.equal(status, 500, `${method} ${path}: ${body}`);
        assert.match(body, /^cannot write .*\/config\.json: [^\n]*\n$/);
        assert.match(body, reason);
      }
      await assertRefused(port);
      for (
        const line of [
          "set maxconn frontend imaps 61",
          "disable frontend imaps",
          "set server old state maint",
        ]
      ) {
        const answer = await tell(line);
        assert.match(answer, /cannot write .*\/overrides\.json: /, line);
        assert.match(answer, reason);
      }
      assert.equal(await proxy.ask("GET", "/config/"), documented);
      const stat = await tell("show stat");
      assert.match(stat, /\nimaps,FRONTEND,[^\n]*,60,/);
      assert.match(stat, /\nimap,FRONTEND,[^\n]*,50,/);
      assert.deepEqual(await kept(), before);
      assert.equal((await session.transact("NOOP")).status, "OK");
      (await stage.loggedIn(BOB)).close();

      // The file is read by whoever starts without --resume anyway.
      await proxy.reconfigure({ listener: { imap: { max_connections: 70 } } });
      const reload = await proxy.admin("POST", "/config/reload?discard=true");
      assert.equal(reload.status, 200, reload.body);
      const logged = await proxy.event("config_not_saved");
      assert.match(String(logged.reason), reason);
      assert.equal(await proxy.ask("GET", `/config/${limit}`), "70\n");

      await mend(disk);
      assert.deepEqual(disk.files(), files);
      assert.equal((await change(proxy, "PATCH", limit, 71)).status, 200);
      assert.match((await kept())[0]!, /"max_connections": 71/);
      assert.equal((await session.transact("NOOP")).status, "OK");
    },
  );
}

Deno.test("a change that cannot be bound is refused with the reason, and leaves nothing bound", async () => {
  await using stage = await Stage.create({
    config: { server: { threads: 2 } },
  });
  const { proxy } = stage;
  using session = await stage.loggedIn(ALICE);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using another = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [free = 0, other = 0] = freePorts(2);
  // A port that the proxy itself has, on an address that another program has.
  const { port: own } = proxy.listener("imap");
  using beside = Deno.listen({ hostname: "127.0.0.2", port: own });
  const folder = await Deno.makeTempDir();
  const busy = `${folder}/busy.sock`;
  using _answers = Deno.listen({ transport: "unix", path: busy });
  const before = await proxy.ask("GET", "/config/");
  const listening = proxy.count("listening");
  const document = JSON.parse(before);
  const descriptors = proxy.descriptors();

  const at = (port: number, host = "127.0.0.1") => `${host}:${port}`;
  const spoilt: [what: string, over: Table, reason: RegExp][] = [
    [
      "a listener",
      { listener: { late: listener(at(taken.addr.port)) } },
      new RegExp(
        `^listener late: cannot bind ${
          at(taken.addr.port)
        }: address already in use\n$`,
      ),
    ],
    [
      "one of its addresses",
      {
        listener: {
          late: listener(at(other), at(taken.addr.port), at(other, "[::1]")),
        },
      },
      /^listener late: cannot bind 127/,
    ],
    [
      "two at once",
      {
        listener: {
          late: listener(at(taken.addr.port)),
          later: listener(at(another.addr.port)),
        },
      },
      /^listener late: .*; listener later: [^\n]*\n$/,
    ],
    [
      "an address beside a port that is held",
      { listener: { late: listener(at(own, "127.0.0.2")) } },
      new RegExp(
        `^listener late: cannot bind ${
          at(own, "127.0.0.2")
        }: address already in use\n$`,
      ),
    ],
    [
      "an address that this host has not",
      { listener: { late: listener(at(own, "192.0.2.1")) } },
      /^listener late: cannot bind 192\.0\.2\.1:\d+: .*assign requested/,
    ],
    [
      "the management API",
      { admin: { bind: at(taken.addr.port) } },
      /^admin: cannot bind 127.*: address already in use\n$/,
    ],
    [
      "a runtime socket",
      { runtime: { socket: [{ bind: at(other) }, { path: busy }] } },
      /^runtime socket: cannot listen at .*another program answers there\n$/,
    ],
  ];
  for (const [what, over, reason] of spoilt) {
    // Others that could be bound come with it, before and behind.
    const wanted = {
      ...document,
      ...over,
      admin: { ...document.admin, ...over.admin as Table },
      listener: {
        early: listener(at(free)),
        ...document.listener,
        imap: undefined,
        ...over.listener as Table,
        zlast: listener(at(free, "[::1]")),
      },
    };
    const { status, body } = await proxy.admin("POST", "/load", {
      body: JSON.stringify(wanted),
    });
    assert.equal(status, 400, `${what}: ${body}`);
    assert.match(body, reason, `${what}: ${body}`);
    assert.equal(await proxy.ask("GET", "/config/"), before, what);
    for (const port of [free, other]) await assertRefused(port);
    await assertRefused(free, "::1");
    (await stage.plainClient()).close();
  }
  assert.equal((await session.transact("NOOP")).status, "OK");
  (await stage.loggedIn(BOB)).close();
  assert.equal(proxy.count("listening"), listening);
  assert.ok(beside);

  // When the port is free, the same change can be made.
  taken.close();
  const late = listener(at(taken.addr.port));
  const answer = await change(proxy, "PUT", "listener/late", late);
  assert.equal(answer.status, 200, answer.body);
  await change(proxy, "DELETE", "listener/late", undefined);
  await proxy.kick(ALICE);
  await proxy.empty();
  assert.ok(proxy.descriptors() <= descriptors, "descriptors are left");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a destination that something still names cannot be taken away", async () => {
  await using stage = await Stage.create({
    config: {
      listener: {
        relay: { protocol: "smtp", bind: ["127.0.0.1:0"], tls: "plain" },
      },
      destination: {
        relay: destination(25, "plain", {
          protocol: { imap: undefined, smtp: { port: 25, tls: "plain" } },
        }),
        spare: destination(143, "plain"),
      },
      routing: { smtp_passthrough_destination: "relay" },
    },
  });
  const { proxy } = stage;
  using _session = await stage.loggedIn(BOB);
  const before = await proxy.ask("GET", "/config/");
  for (
    const [path, reason] of [
      ["destination/old", /routing\.default_destination: .*"old"/],
      ["destination/new", /mappings:\d+: .*"new"|mappings.*"new"/],
      [
        "destination/relay",
        /routing\.smtp_passthrough_destination: .*"relay"/,
      ],
      ["destination/old/protocol/imap", /default_destination|listener/],
      [
        "destination/relay/protocol/smtp",
        /pass-through destination relay has no leg for smtp/,
      ],
      ["routing/default_destination", /routing\.default_destination/],
    ] as const
  ) {
    const { status, body } = await change(proxy, "DELETE", path, undefined);
    assert.equal(status, 400, `${path}: ${body}`);
    assert.match(body, reason, `${path}: ${body}`);
    assert.equal(await proxy.ask("GET", "/config/"), before, path);
  }
  await proxy.move(BOB, "old");
  for (const name of ["new", "spare"]) {
    const path = `destination/${name}`;
    const { status, body } = await change(proxy, "DELETE", path, undefined);
    assert.equal(status, 200, body);
  }
  assert.equal((await _session.transact("NOOP")).text, "NOOP new");
});
