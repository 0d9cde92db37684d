import assert from "node:assert/strict";
import { ControlError } from "./api.ts";
import { StateDir } from "./state_dir.ts";

async function inFolder(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("StateDir keeps files for their owner alone, in a folder that it makes", () =>
  inFolder(async (path) => {
    const state = await StateDir.open(`${path}/a/b`);
    await state.write("one", "first");
    await state.write("one", "second");
    assert.equal(await state.read("one"), "second");
    const { mode } = await Deno.stat(`${path}/a/b/one`);
    assert.equal(mode! & 0o777, 0o600);
    const names = [...Deno.readDirSync(`${path}/a/b`)].map((f) => f.name);
    assert.deepEqual(names, ["one"]);
    await state.remove("one");
    await state.remove("one");
    assert.equal(await state.read("one"), null);
  }));

Deno.test("StateDir without a folder keeps nothing", async () => {
  const state = await StateDir.open(undefined);
  await state.write("one", "text");
  assert.equal(await state.read("one"), null);
});

Deno.test("StateDir says what it cannot write to", () =>
  inFolder(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    await assert.rejects(
      StateDir.open(`${path}/file`),
      (error) =>
        error instanceof ControlError && error.code === "failed" &&
        error.message.includes(`cannot write to ${path}/file`),
    );
  }));

Deno.test("StateDir.hold keeps everything back until the folder is this process's", () =>
  inFolder(async (path) => {
    const other = await StateDir.open(path);
    await other.write("kept", "theirs");
    await other.write("removed", "theirs");
    const state = await StateDir.open(path);
    state.hold();
    await state.write("kept", "ours");
    await state.remove("removed");
    assert.equal(await state.read("kept"), "ours");
    assert.equal(await state.read("removed"), null);
    assert.equal(await other.read("kept"), "theirs");
    assert.equal(await other.read("removed"), "theirs");
    await state.release();
    assert.equal(await other.read("kept"), "ours");
    assert.equal(await other.read("removed"), null);
    await state.write("kept", "later");
    assert.equal(await other.read("kept"), "later");
  }));
