import assert from "node:assert/strict";
import {
  DataPlane,
  leg,
  listener,
  snapshot,
} from "../../tests/support/data_plane.ts";
import { FakeImapBackend } from "../../tests/support/fake_imap_backend.ts";
import { ImapClient } from "../../tests/support/imap_client.ts";
import { freePorts, refusedPort } from "../../tests/support/ports.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { until, within } from "../../tests/support/wait.ts";
import { libc } from "../net/libc.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

/** A backend, its certificate's folder, and workers that serve it. */
class Stand implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly backend: FakeImapBackend,
    readonly plane: DataPlane,
    readonly port: number,
  ) {}

  static async create(workers: number): Promise<Stand> {
    const ground = await Ground.create();
    const backend = new FakeImapBackend({ name: "old", tls: "plain" });
    const port = freePorts(1)[0]!;
    const served = snapshot([listener(port)], [leg(backend.port)], [
      ground.certificate,
    ]);
    const plane = await DataPlane.start(workers, served);
    return new Stand(ground, backend, plane, port);
  }

  snapshot(generation: number, ...ports: number[]) {
    return snapshot(
      ports.map((port, i) => listener(port, { name: `imap${i || ""}` })),
      [leg(this.backend.port)],
      [this.ground.certificate],
      { generation },
    );
  }

  async login(account = "alice"): Promise<ImapClient> {
    const client = await ImapClient.plain({ port: this.port });
    const reply = await client.transact(`LOGIN ${account} secret`);
    assert.equal(reply.status, "OK", reply.text);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.plane[Symbol.dispose]();
    await this.backend[Symbol.asyncDispose]();
    await this.ground[Symbol.asyncDispose]();
  }
}

/** A closed listener may take one more connection while its accept is called off. */
async function refusing(port: number): Promise<void> {
  await until(`port ${port} refuses`, async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return false;
    } catch {
      return true;
    }
  });
}

Deno.test("Supervisor.apply changes nothing when one worker cannot prepare", async () => {
  await using stand = await Stand.create(2);
  const { plane, port } = stand;
  using foreign = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [fresh] = freePorts(1);
  await assert.rejects(
    plane.supervisor.apply(
      stand.snapshot(2, port, fresh!, foreign.addr.port),
    ),
    /[Aa]ddress (already )?in use/,
  );
  await refusing(fresh!);
  (await stand.login()).close();
  await plane.supervisor.apply(stand.snapshot(3, fresh!));
  await refusing(port);
  using other = await ImapClient.plain({ port: fresh! });
  assert.match(other.greeting, /^\* OK /);
});

Deno.test("Supervisor replaces a worker that dies: its sessions are lost, others go on, and it serves again", async () => {
  await using stand = await Stand.create(2);
  const { plane } = stand;
  const workerOf = async (client: ImapClient) => {
    const id = await until("registered", async () => {
      await plane.supervisor.ask("flush", null);
      return plane.registry.list({})
        .find((s) => s.client.endsWith(`:${client.localPort}`))?.id;
    });
    return plane.registry.workerOf(id!)!;
  };
  // The kernel spreads connections over the workers' sockets by a hash.
  const clients: ImapClient[][] = [[], []];
  for (let i = 0; i < 64; i++) {
    const client = await stand.login(`user${i}`);
    clients[await workerOf(client)]!.push(client);
    if (clients.every((each) => each.length > 0)) break;
  }
  assert.ok(clients.every((each) => each.length > 0), "both workers serve");
  plane.legs = [{
    destination: "old",
    protocol: "imap",
    state: "down",
    suspect: true,
  }];
  plane.held = ["held1", "held2"];
  plane.supervisor.terminate(0, "killed by the test");
  assert.deepEqual(plane.lost, [{ worker: 0, reason: "killed by the test" }]);
  for (const client of clients[0]!) {
    assert.equal((await plane.ended(client.localPort)).reason, "worker-lost");
  }
  assert.equal(plane.registry.active, clients[1]!.length);
  for (const client of clients[1]!) {
    assert.equal((await client.transact("NOOP")).status, "OK");
  }
  // The successor knows of the hold and of the leg that is down.
  const asked: string[] = [];
  plane.hold = (identifier) => {
    asked.push(identifier);
    return Promise.resolve({ granted: false });
  };
  await within("briefed", plane.supervisor.askOne(0, "inspect", null));
  const outcomes = await until("the successor serves", async () => {
    const client = await ImapClient.plain({ port: stand.port });
    const worker = await workerOf(client);
    if (worker !== 0) return client.close();
    const held = await client.transact("LOGIN held1 secret");
    const free = await client.transact("LOGIN free secret");
    client.close();
    return [held, free];
  });
  assert.deepEqual(asked, ["held1"]);
  for (const { status, text } of outcomes!) {
    assert.equal(status, "NO");
    assert.match(text, /^\[UNAVAILABLE\]/);
  }
  await until(
    "the reason is logged",
    () => /marked down for imap/.test(JSON.stringify(plane.logs)),
  );
  for (const client of clients.flat()) client.close();
});

Deno.test("Supervisor.apply brings a worker that is being replaced to the newest configuration", async () => {
  await using stand = await Stand.create(1);
  const { plane } = stand;
  const [next] = freePorts(1);
  plane.supervisor.terminate(0, "killed by the test");
  const applied = plane.supervisor.apply(stand.snapshot(2, next!));
  await within("applied", applied);
  using client = await until(
    "served",
    () => ImapClient.plain({ port: next! }).catch(() => null),
  ) as ImapClient;
  assert.match(client.greeting, /^\* OK /);
  await refusing(stand.port);
});

Deno.test("Supervisor.drain stops accepting and leaves sessions alone", async () => {
  await using stand = await Stand.create(2);
  using client = await stand.login();
  await stand.plane.supervisor.drain({ part: true });
  await refusing(stand.port);
  assert.equal((await client.transact("NOOP")).status, "OK");
});

Deno.test("Supervisor keeps a client's STARTTLS working over a change of certificates", async () => {
  await using stand = await Stand.create(1);
  const { ground, plane, port, backend } = stand;
  using client = await ImapClient.plain({ port }, ground.authority.pem);
  const renewed = await ground.authority.issue(["127.0.0.1"], {
    file: "renewed",
  });
  await plane.supervisor.apply(
    snapshot([listener(port)], [leg(backend.port)], [renewed], {
      generation: 2,
    }),
  );
  await client.startTls();
  assert.equal((await client.transact("LOGIN alice secret")).status, "OK");
});

Deno.test("Supervisor.ask skips a worker that is gone", async () => {
  const plane = new DataPlane(1);
  await plane.supervisor.start();
  const asked = plane.supervisor.ask("inspect", null);
  plane.supervisor.stop();
  assert.deepEqual(await asked, []);
  await assert.rejects(plane.supervisor.askOne(0, "inspect", null));
});

Deno.test("a leg that refuses is reported to the control plane", async () => {
  await using stand = await Stand.create(1);
  const { plane, port, ground } = stand;
  await plane.supervisor.apply(
    snapshot([listener(port)], [leg(refusedPort())], [ground.certificate], {
      generation: 2,
    }),
  );
  using client = await ImapClient.plain({ port });
  const reply = await client.transact("LOGIN alice secret");
  assert.match(reply.text, /^\[UNAVAILABLE\]/);
  await until("reported", () => plane.reports.length > 0);
  assert.deepEqual(plane.reports, [{
    destination: "old",
    protocol: "imap",
    outcome: "connect",
    client: "127.0.0.1",
  }]);
});
