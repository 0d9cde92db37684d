/** Two proxies on one bus, in front of the same two backends and with the same mappings. */
import assert from "node:assert/strict";
import { FakeImapBackend } from "./fake_imap_backend.ts";
import type { ImapClient } from "./imap_client.ts";
import { Mailferry } from "./mailferry.ts";
import { destination, Ground, merge, type Table } from "./proxy_config.ts";
import { SqliteFile } from "./sqlite.ts";
import { ALICE, BOB, loggedIn } from "./stage.ts";
import { storePage } from "./store_page.ts";
import { until } from "./wait.ts";

const page = await storePage("sqlite");

export interface ClusterMemberView {
  readonly node: string;
  readonly is_self: boolean;
  readonly reachable: boolean;
  readonly sessions: number;
  readonly version: string;
}

export class ClusterStage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly store: SqliteFile,
    readonly backends: readonly FakeImapBackend[],
    readonly a: Mailferry,
    readonly b: Mailferry,
  ) {}

  /** alice is on "old", the default; bob is on "new". `cluster` is `[cluster]` without the node's name. */
  static async create(
    cluster: Table,
    { b: ofB = {}, environment = {} }: {
      /** Merged over the configuration of the second. */
      readonly b?: Table;
      readonly environment?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<ClusterStage> {
    const ground = await Ground.create();
    const store = await SqliteFile.create(
      `${page.table}
       INSERT INTO mailbox_routes VALUES ('${ALICE}', 'old'), ('${BOB}', 'new');`,
    );
    const backends = await Promise.all(
      ["old", "new"].map(async (name) =>
        new FakeImapBackend({
          name,
          certificate: await ground.authority.issue(["backend.test"], {
            file: `backend-${name}`,
          }),
        })
      ),
    );
    const start = (node: string, more: Table) =>
      Mailferry.start({
        ground,
        config: merge(
          {
            destination: {
              old: destination(backends[0]!.port, "plain"),
              new: destination(backends[1]!.port, "plain"),
            },
            mapping: {
              source: "sql",
              sql: { url: store.url(), ...page.queries },
            },
            cluster: { ...cluster, node },
          },
          more,
        ),
        environment,
      });
    const a = await start("a", {});
    const b = await start("b", ofB);
    const stage = new ClusterStage(ground, store, backends, a, b);
    await stage.together();
    return stage;
  }

  /** Wait until both are connected, and each hears the other. */
  async together(): Promise<void> {
    await until("two members", async () => {
      const views = await Promise.all(
        [this.a, this.b].map((proxy) => this.cluster(proxy)),
      );
      return views.every(({ connected, members }) =>
        connected && members.filter(({ reachable }) => reachable).length === 2
      );
    });
  }

  /**
   * Wait until the other one has done all that this one has asked for: it does so in order. On a busy machine it
   * may be late for an answer, which then names it, and does it all the same.
   */
  async settled(proxy: Mailferry): Promise<void> {
    await until("an answer of both", async () => {
      const path = "/cache/invalidate?identifier=nobody@example.com";
      return await proxy.ask("POST", path) === "ok\n";
    });
  }

  /** Move an account at one of them; both have done it then. */
  async move(proxy: Mailferry, account: string, to: string): Promise<void> {
    assert.match(await proxy.move(account, to), /^ok\n/);
    await this.settled(proxy);
  }

  /** End the sessions of an account at both, of which there are so many. */
  async kick(
    proxy: Mailferry,
    account: string,
    sessions: number,
  ): Promise<void> {
    const path = `/connections/kick?identifier=${account}`;
    const answer = await proxy.ask("POST", path);
    if (!/not reached/.test(answer)) {
      assert.equal(answer, `kicked ${sessions}\n`);
    }
    await this.settled(proxy);
  }

  async cluster(proxy: Mailferry): Promise<{
    readonly bus: string | null;
    readonly connected: boolean;
    readonly members: readonly ClusterMemberView[];
  }> {
    return JSON.parse(await proxy.ask("GET", "/cluster"));
  }

  /** A client of one of them that is logged in, and the backend that it is on. */
  async loggedIn(
    proxy: Mailferry,
    account: string,
  ): Promise<{ client: ImapClient; backend: string }> {
    const { client, text } = await loggedIn(proxy, account);
    return { client, backend: text.split(" ").at(-1)! };
  }

  async whereIs(proxy: Mailferry, account: string): Promise<string> {
    const { client, backend } = await this.loggedIn(proxy, account);
    client.close();
    return backend;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (
      const each of [this.a, this.b, ...this.backends, this.store, this.ground]
    ) await each[Symbol.asyncDispose]();
  }
}
