import assert from "node:assert/strict";
import { StateDir } from "../state_dir.ts";
import { placeholderKey } from "./placeholder_key.ts";

Deno.test("placeholderKey is the same after a restart, and another on another host", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const open = () => StateDir.open(`${folder}/state`);
    const key = await placeholderKey(await open());
    assert.equal(key.length, 32);
    assert.deepEqual(await placeholderKey(await open()), key);
    const { mode } = await Deno.stat(`${folder}/state/placeholder-key`);
    assert.equal(mode! & 0o777, 0o600);
    await Deno.writeTextFile(`${folder}/state/placeholder-key`, "cut");
    assert.notDeepEqual(await placeholderKey(await open()), key);
    const none = await StateDir.open(undefined);
    assert.notDeepEqual(await placeholderKey(none), await placeholderKey(none));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
