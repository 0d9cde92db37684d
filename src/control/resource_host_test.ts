import assert from "node:assert/strict";
import { resourceHost } from "./resource_host.ts";

Deno.test("resourceHost.checkMappings gives each bad line with its place", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "# accounts\nA@x\told\nb@x gone\nc@x\n");
    const problems = await resourceHost.checkMappings(
      path,
      "lowercase",
      (name) => name === "old" ? null : `${name} is not declared`,
    );
    assert.equal(problems.length, 2);
    assert.ok(problems[0]!.startsWith(`${path}:3: gone is not declared`));
    assert.ok(problems[1]!.startsWith(`${path}:4: `));
  } finally {
    await Deno.remove(path);
  }
  const [missing] = await resourceHost.checkMappings(path, "none", () => null);
  assert.match(missing!, /cannot read/);
});

Deno.test("resourceHost.resolve gives addresses, none for a name that has none", async () => {
  assert.ok((await resourceHost.resolve("localhost")).length > 0);
  assert.deepEqual(await resourceHost.resolve("name.invalid"), []);
});

Deno.test("resourceHost.localAddresses has no zones", () => {
  for (const address of resourceHost.localAddresses()) {
    assert.ok(!address.includes("%"));
  }
});
