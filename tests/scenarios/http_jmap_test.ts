/** JMAP with real parts: Cyrus as "new", nginx as "old", and a JMAP client that keeps its connections. */
import assert from "node:assert/strict";
import { Cyrus } from "../support/cyrus.ts";
import { basic } from "../support/http_client.ts";
import { HttpRealStage } from "../support/http_real_stage.ts";
import {
  JmapClient,
  JmapFailure,
  type ReadMail,
} from "../support/jmap_client.ts";
import type { Ground } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB } from "../support/stage.ts";

const PARTS = ["cyrus", "nginx"];

async function cyrus({ folder, authority }: Ground): Promise<Cyrus> {
  const server = await Cyrus.start({ name: "new", folder, authority });
  for (const account of [ALICE, BOB]) {
    await server.deliver(account, `for ${account}`, "new text");
  }
  return server;
}

/** What `cyrus` has put into an account. */
const mailOf = (account: string): ReadMail[] => [
  { subject: `for ${account}`, text: "new text" },
];

for (const scheme of ["Basic", "Bearer"] as const) {
  needs(
    PARTS,
    `a JMAP client reads, uploads and downloads mail of Cyrus by ${scheme}`,
    async () => {
      await using stage = await HttpRealStage.create(cyrus);
      const login = scheme === "Basic"
        ? basic(BOB)
        : await stage.new_.bearer(BOB);
      await using client = new JmapClient(stage.url(), login, stage.caFile);
      assert.deepEqual(await client.read(), mailOf(BOB));
      const { sent, back, same } = await client.store("Large", 3_000_000);
      assert.ok(sent > 3_000_000);
      assert.deepEqual([back, same], [sent, true]);
      const subjects = (await client.read()).map(({ subject }) => subject);
      assert.deepEqual(subjects, ["Large", `for ${BOB}`]);
      assert.equal(stage.old.served().length, 0);
      const sessions = await stage.proxy.sessions();
      assert.deepEqual(
        sessions.map((s) => [s.protocol, s.identifier, s.destination]),
        [["http", BOB, "new"]],
      );
      const log = JSON.stringify(stage.proxy.log);
      assert.ok(!log.includes(login.split(" ")[1]!));
    },
  );
}

needs(
  PARTS,
  "a client that keeps its connections reads from the new server after the move, and never again from the old one",
  async () => {
    await using stage = await HttpRealStage.create(cyrus);
    const { old, proxy } = stage;
    await using client = new JmapClient(
      stage.url(),
      basic(ALICE),
      stage.caFile,
    );
    // The old server has no JMAP.
    await assert.rejects(client.read(), statusIs(404));
    // It asks for its session, and no more without that.
    const before = (await old.requests(1)).length;
    assert.equal(await proxy.move(ALICE, "new"), "ok\n");
    assert.deepEqual(await persistently(client), mailOf(ALICE));
    assert.equal(old.served().length, before);

    const seen = stage.new_.logins.length;
    assert.equal(await proxy.move(ALICE, "old"), "ok\n");
    await assert.rejects(
      async () => {
        await persistently(client);
        await client.command("forget");
        await persistently(client);
      },
      statusIs(404),
    );
    assert.equal(stage.new_.logins.length, seen);
  },
);

needs(
  PARTS,
  "a wrong password is refused in the words of Cyrus, and does not keep others out",
  async () => {
    await using stage = await HttpRealStage.create(cyrus);
    const wrong = basic(BOB, "wrong");
    await using stranger = new JmapClient(stage.url(), wrong, stage.caFile);
    await assert.rejects(stranger.read(), statusIs(401));
    await using client = new JmapClient(
      stage.url(),
      basic(BOB),
      stage.caFile,
    );
    assert.deepEqual(await client.read(), mailOf(BOB));
  },
);

const statusIs = (status: number) => (error: JmapFailure) =>
  error.status === status;

/** Read as a client does that is told to come on another connection. */
async function persistently(client: JmapClient): Promise<ReadMail[]> {
  try {
    return await client.read();
  } catch (error) {
    if ((error as JmapFailure).status !== 421) throw error;
    return await client.read();
  }
}
