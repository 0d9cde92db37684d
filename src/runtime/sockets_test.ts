import { noTakeover } from "../../tests/support/nobody_takes_over.ts";
import assert from "node:assert/strict";
import { libc } from "../net/libc.ts";
import { FakeRuntimeControl } from "../../tests/support/fake_runtime_control.ts";
import { ask, RuntimeClient } from "../../tests/support/runtime_client.ts";
import type { RuntimeSocketConfig } from "../config/schema.ts";
import { BindError } from "../control/binds.ts";
import type { LogLine } from "../port/messages.ts";
import { RuntimeSockets } from "./sockets.ts";

// Loaded once for the process, not by the first test that needs it.
libc();

/** Sockets in a folder of their own, and what they log. */
async function withSockets(
  test: (
    sockets: RuntimeSockets,
    folder: string,
    log: LogLine[],
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const log: LogLine[] = [];
  const sockets = new RuntimeSockets({
    takeover: noTakeover(),
    control: new FakeRuntimeControl(),
    audit: () => {},
    log: (line) => log.push(line),
  });
  try {
    await test(sockets, folder, log);
    assert.deepEqual(log.filter(({ event }) => event === "bug"), []);
  } finally {
    sockets.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function at(
  path: string,
  over: Partial<RuntimeSocketConfig> = {},
): RuntimeSocketConfig {
  return {
    path,
    mode: "660",
    level: "operator",
    expose_listeners: false,
    ...over,
  };
}

const level = (path: string) => ask(path, "show cli level\n");

async function use(
  sockets: RuntimeSockets,
  wanted: readonly RuntimeSocketConfig[],
): Promise<void> {
  (await sockets.prepare(wanted)).commit();
}

Deno.test("RuntimeSockets serves what was committed, with mode and owner", () =>
  withSockets(async (sockets, folder, log) => {
    const path = `${folder}/a`;
    const uid = Deno.uid()!;
    const wanted = at(path, {
      mode: "600",
      user: uid === 0 ? "root" : String(uid),
      group: String(Deno.gid()),
    });
    const prepared = await sockets.prepare([wanted]);
    await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
    prepared.commit();
    const found = await Deno.lstat(path);
    assert.deepEqual([found.mode! & 0o777, found.uid], [0o600, uid]);
    assert.equal(await level(path), "operator\n\n");
    assert.deepEqual(sockets.views(), [
      { address: `unix@${path}`, level: "operator" },
    ]);
    assert.equal(log[0]?.event, "runtime_listening");
    sockets.close();
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("RuntimeSockets keeps what stays, gives it another level, and closes what goes", () =>
  withSockets(async (sockets, folder) => {
    const [a, b, c] = ["a", "b", "c"].map((name) => `${folder}/${name}`);
    await use(sockets, [at(a!), at(b!)]);
    const { ino } = await Deno.lstat(a!);
    using client = await RuntimeClient.connect(a!);
    using gone = await RuntimeClient.connect(b!);
    await gone.send("prompt\n");
    await gone.until("> ");
    await use(sockets, [at(a!, { level: "user" }), at(c!)]);
    assert.equal((await Deno.lstat(a!)).ino, ino);
    assert.equal(await level(a!), "user\n\n");
    await assert.rejects(Deno.lstat(b!), Deno.errors.NotFound);
    assert.equal(await gone.rest(), "");
    await client.send("show cli level\n");
    assert.equal(await client.rest(), "operator\n\n");
  }));

Deno.test("RuntimeSockets puts another mode at the same path without a moment of nothing", () =>
  withSockets(async (sockets, folder) => {
    const path = `${folder}/a`;
    await use(sockets, [at(path)]);
    await use(sockets, [at(path, { mode: "600" })]);
    assert.equal((await Deno.lstat(path)).mode! & 0o777, 0o600);
    assert.equal(await level(path), "operator\n\n");
    assert.equal([...Deno.readDirSync(folder)].length, 1);
  }));

Deno.test("RuntimeSockets leaves everything as it was when one cannot be made, or all is called off", () =>
  withSockets(async (sockets, folder) => {
    const path = `${folder}/a`;
    await use(sockets, [at(path)]);
    const wrong: [Partial<RuntimeSocketConfig>, RegExp][] = [
      [{ path: `${folder}/no/such/folder` }, /cannot listen at .*no\/such/],
      [{ user: "no-such-user-here" }, /there is no user no-such-user-here/],
      [{ group: "no-such-group" }, /there is no group no-such-group/],
    ];
    for (const [over, message] of wrong) {
      await assert.rejects(
        sockets.prepare([at(`${folder}/b`), at(`${folder}/c`, over)]),
        (error: Error) =>
          error instanceof BindError && message.test(error.message),
      );
    }
    (await sockets.prepare([at(`${folder}/b`)])).abort();
    assert.equal(await level(path), "operator\n\n");
    assert.deepEqual([...Deno.readDirSync(folder)].map((f) => f.name), ["a"]);
  }));

Deno.test("RuntimeSockets replaces a socket that was left behind, and nothing else", () =>
  withSockets(async (sockets, folder) => {
    const path = `${folder}/a`;
    const left = Deno.listen({ transport: "unix", path: `${path}0` });
    await Deno.rename(`${path}0`, path);
    left.close();
    await use(sockets, [at(path)]);
    assert.equal(await level(path), "operator\n\n");
    const live = `${folder}/live`;
    using _live = Deno.listen({ transport: "unix", path: live });
    await assert.rejects(
      sockets.prepare([at(live)]),
      /cannot listen at .*live: another program answers there/,
    );
    const file = `${folder}/file`;
    await Deno.writeTextFile(file, "precious");
    await assert.rejects(sockets.prepare([at(file)]), /it is no socket/);
    assert.equal(await Deno.readTextFile(file), "precious");
  }));

Deno.test("RuntimeSockets listens on addresses, and nobody is served before the commit", () =>
  withSockets(async (sockets) => {
    const { path: _, ...socket } = at("");
    const prepared = await sockets.prepare([
      { ...socket, bind: "127.0.0.1:0", level: "user" },
    ]);
    prepared.commit();
    const [view] = sockets.views();
    const port = Number(/^ipv4@127\.0\.0\.1:(\d+)$/.exec(view!.address)?.[1]);
    using connection = await Deno.connect({ port });
    await connection.write(new TextEncoder().encode("show cli level\n"));
    const answer = await new Response(connection.readable).text();
    assert.equal(answer, "user\n\n");
    await assert.rejects(
      sockets.prepare([{ ...socket, bind: `127.0.0.1:${port}`, mode: "600" }]),
      /cannot bind 127\.0\.0\.1:\d+: address already in use/,
    );
  }));

Deno.test("RuntimeSockets serves a thousand who come at once, a few at a time", () =>
  withSockets(async (sockets, folder) => {
    const path = `${folder}/a`;
    await use(sockets, [at(path)]);
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () => level(path)),
    );
    assert.deepEqual(new Set(answers), new Set(["operator\n\n"]));
  }));
