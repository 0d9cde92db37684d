/** What JMAP pushes, with real clients: WebSocket (RFC 8887) and event source, mail from Cyrus. */
import assert from "node:assert/strict";
import { Cyrus } from "../support/cyrus.ts";
import { basic } from "../support/http_client.ts";
import { HttpRealStage } from "../support/http_real_stage.ts";
import { JmapClient } from "../support/jmap_client.ts";
import { JmapPush } from "../support/jmap_push.ts";
import { type Ground, PASSWORD, type Table } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { BOB } from "../support/stage.ts";
import { until, within } from "../support/wait.ts";

const PARTS = ["cyrus", "nginx"];

/** Cyrus with push before it. */
class Pushing implements AsyncDisposable {
  private constructor(readonly cyrus: Cyrus, readonly push: JmapPush) {}

  static async start({ folder, authority }: Ground): Promise<Pushing> {
    const cyrus = await Cyrus.start({ name: "new", folder, authority });
    await cyrus.deliver(BOB, "first");
    return new Pushing(cyrus, await JmapPush.start(cyrus, authority));
  }

  destination(): Table {
    return this.push.destination();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.push[Symbol.asyncDispose]();
    await this.cyrus[Symbol.asyncDispose]();
  }
}

needs(
  PARTS,
  "mail is read over a WebSocket, which is told of new mail until it is kicked",
  async () => {
    await using stage = await HttpRealStage.create(Pushing.start);
    const { proxy, new_: { push } } = stage;
    await using client = new JmapClient(stage.url(), basic(BOB), stage.caFile);
    assert.equal(await client.command("websocket"), "jmap");
    assert.deepEqual(await client.command("subjects"), ["first"]);
    await until("the WebSocket's wish", () => push.listeners(BOB) === 1);
    await push.deliver(BOB, "second");
    assert.deepEqual(await told(client, 1), [change("1")]);
    assert.deepEqual(await client.command("subjects"), ["first", "second"]);

    assert.ok(await proxy.kick(BOB) > 0);
    assert.deepEqual(await told(client, 2), [change("1"), "closed"]);
    await until("the backend's end", () => push.listeners(BOB) === 0);
  },
);

needs(
  PARTS,
  "an event source is told of each change at once, and comes back after a kick",
  async () => {
    await using stage = await HttpRealStage.create(Pushing.start);
    const { proxy, new_: { push } } = stage;
    await using client = new JmapClient(stage.url(), basic(BOB), stage.caFile);
    await client.command("events");
    assert.equal(push.listeners(BOB), 1);
    await push.deliver(BOB, "second");
    assert.deepEqual(await told(client, 1), [change("1")]);
    await push.deliver(BOB, "third");
    assert.deepEqual(await told(client, 2), [change("1"), change("2")]);

    assert.ok(await proxy.kick(BOB) > 0);
    assert.equal((await told(client, 3))[2], "lost");
    await until("the backend's end", () => push.listeners(BOB) === 0);
    await until("the client's return", () => push.listeners(BOB) === 1);
    await push.deliver(BOB, "fourth");
    assert.deepEqual((await told(client, 4))[3], change("3"));
  },
);

needs(
  PARTS,
  "an account is moved while it waits for news: nothing more comes from its old place, and its client asks the other",
  async () => {
    await using stage = await HttpRealStage.create(Pushing.start);
    const { proxy, new_: { push } } = stage;
    await using client = new JmapClient(stage.url(), basic(BOB), stage.caFile);
    await client.command("websocket");
    await client.command("events");
    await until("both wishes", () => push.listeners(BOB) === 2);
    const { status } = await proxy.admin("POST", "/accounts/move", {
      body: JSON.stringify({
        accounts: [{ identifier: BOB, aliases: [] }],
        destination: "old",
      }),
    });
    assert.equal(status, 200);
    const ends = (await told(client, 2)).toSorted();
    assert.deepEqual(ends, ["closed", "lost"]);
    await until("the backend's end", () => push.listeners(BOB) === 0);
    const { status: found } = await stage.old.request(
      "the event source",
      ({ target }) => target.startsWith("/jmap/eventsource/"),
    );
    assert.equal(found, 404);
  },
);

needs(
  [...PARTS, "curl"],
  "curl -N shows an event while the response goes on",
  async () => {
    await using stage = await HttpRealStage.create(Pushing.start);
    const { new_: { push } } = stage;
    const curl = new Deno.Command("curl", {
      args: [
        ...["-sN", "--cacert", stage.caFile, "-u", `${BOB}:${PASSWORD}`],
        `${stage.url()}/jmap/eventsource/?types=*&closeafter=no&ping=0`,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = curl.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      await until("curl's request", () => push.listeners(BOB) === 1);
      for (const state of ["1", "2"]) {
        await push.deliver(BOB, `mail ${state}`);
        const { value } = await within("an event", reader.read());
        const data = JSON.stringify(change(state));
        assert.equal(value, `event: state\ndata: ${data}\n\n`);
      }
    } finally {
      curl.kill();
      await curl.status;
      await reader.cancel();
    }
    await until("the backend's end", () => push.listeners(BOB) === 0);
  },
);

function change(state: string): unknown {
  return { "@type": "StateChange", changed: { [BOB]: { Email: state } } };
}

/** The first `count` things that the client was told. */
function told(client: JmapClient, count: number): Promise<unknown[]> {
  return until(
    `${count} events`,
    () => client.events.length >= count && client.events.slice(0, count),
  ) as Promise<unknown[]>;
}
