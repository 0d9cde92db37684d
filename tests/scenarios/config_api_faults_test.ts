/** Changes over the configuration API that cannot be put in force, or that end with the process. */
import assert from "node:assert/strict";
import { Mailferry } from "../support/mailferry.ts";
import { destination, Ground } from "../support/proxy_config.ts";
import { output } from "../support/program.ts";
import { SeededRandom } from "../support/random.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, Stage } from "../support/stage.ts";
import { pause } from "../support/wait.ts";

const LIMIT = "/config/listener/imap/max_connections";

Deno.test("a change that validates and cannot be bound changes nothing", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  using session = await stage.loggedIn(ALICE);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${taken.addr.port}`;
  const before = await proxy.ask("GET", "/config/");
  const listener = JSON.parse(before).listener.imap;
  for (
    const [method, path, body] of [
      ["POST", "/config/listener/imap/bind", JSON.stringify(address)],
      [
        "PUT",
        "/config/listener/more",
        JSON.stringify({ ...listener, bind: [address] }),
      ],
      ["PATCH", "/config/admin/bind", JSON.stringify(address)],
      ["POST", "/load", before.replaceAll('"127.0.0.1:0"', `"${address}"`)],
    ] as const
  ) {
    const answer = await proxy.admin(method, path, { body });
    assert.equal(answer.status, 400, `${path}: ${answer.body}`);
    assert.match(answer.body, /bind|address/i);
    assert.equal(await proxy.ask("GET", "/config/"), before);
  }
  assert.equal((await session.transact("NOOP")).status, "OK");
  using again = await stage.loggedIn(ALICE);
  assert.equal((await again.transact("NOOP")).status, "OK");
  // What was wrong is gone, and so is what it did.
  taken.close();
  const answer = await proxy.admin("POST", "/config/listener/imap/bind", {
    body: JSON.stringify(address),
  });
  assert.equal(answer.status, 200, answer.body);
});

needs(
  ["mount"],
  "a change that cannot be kept is not put in force",
  async () => {
    const folder = await Deno.makeTempDir();
    const args = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder];
    await output("mount", args);
    try {
      await using stage = await Stage.create({
        config: { server: { state_dir: folder } },
      });
      const { proxy } = stage;
      const change = async (value: number) =>
        await proxy.admin("POST", LIMIT, { body: String(value) });
      assert.equal((await change(100)).status, 200);
      const kept = await Deno.readTextFile(`${folder}/config.json`);

      const filler = `${folder}/filler`;
      await Deno.writeFile(filler, new Uint8Array(1024 * 1024)).catch(() => {});
      const full = await change(200);
      assert.equal(full.status, 500, full.body);
      assert.equal(await proxy.ask("GET", LIMIT), "100\n");
      assert.equal(await Deno.readTextFile(`${folder}/config.json`), kept);
      await Deno.remove(filler);
      assert.equal((await change(300)).status, 200);

      await output("mount", ["-o", "remount,ro", folder]);
      const readOnly = await change(400);
      assert.equal(readOnly.status, 500, readOnly.body);
      assert.equal(await proxy.ask("GET", LIMIT), "300\n");
      await output("mount", ["-o", "remount,rw", folder]);
      assert.equal((await change(500)).status, 200);
      assert.match(
        await Deno.readTextFile(`${folder}/config.json`),
        /"max_connections": 500/,
      );
    } finally {
      await output("umount", [folder]);
      await Deno.remove(folder);
    }
  },
);

const LANES = 4;
const KILLS = 25;

Deno.test("kill -9 in the middle of changes leaves a configuration to resume, a hundred times", async () => {
  await Promise.all(
    Array.from({ length: LANES }, (_, seed) => killAndResume(seed)),
  );
});

async function killAndResume(seed: number): Promise<void> {
  await using ground = await Ground.create();
  const state = `${ground.folder}/state`;
  const options = {
    ground,
    args: ["run", "--resume"],
    config: {
      server: { state_dir: state },
      destination: { old: destination(9, "plain") },
    },
  };
  const random = new SeededRandom(seed);
  /** The last value that was answered for, and the last that was asked for. */
  let done = 0;
  let asked = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    await using proxy = await Mailferry.start(options);
    const resumed: number = JSON.parse(await proxy.ask("GET", LIMIT)) ?? 0;
    const what = `kill ${kill}: ${done} <= ${resumed} <= ${asked}`;
    assert.ok(done <= resumed && resumed <= asked, what);
    asked = resumed;
    const first = Promise.withResolvers<void>();
    const changes = (async () => {
      for (;;) {
        const body = String(++asked);
        const { status } = await proxy.admin("POST", LIMIT, { body });
        assert.equal(status, 200);
        done = asked;
        first.resolve();
      }
    })().catch((error) => {
      first.reject(error);
      // The process went in the middle of a request.
      if (!(error instanceof TypeError)) throw error;
    });
    await first.promise;
    await pause(random.below(40));
    proxy.signal("SIGKILL");
    await Promise.all([changes, proxy.exited]);
    JSON.parse(await Deno.readTextFile(`${state}/config.json`));
  }
}
