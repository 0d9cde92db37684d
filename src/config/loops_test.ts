import assert from "node:assert/strict";
import { findLoops } from "./loops.ts";
import { BASE, configOf } from "./testing.ts";

/** Whether a destination at host:port is found to be a listener bound to `bind`. */
async function isLoop(
  bind: string,
  host: string,
  port: number,
  names: Record<string, string[]> = {},
): Promise<boolean> {
  const config = configOf(
    BASE.replace("127.0.0.1:1993", bind)
      .replace(
        'host = "new.example.com"',
        `host = "${host}"\ntls_server_name = "n.example"`,
      )
      .replace("port = 143", `port = ${port}`),
  );
  const loops = await findLoops(
    config,
    (name) => Promise.resolve(names[name] ?? []),
    ["192.0.2.7", "2001:db8::7"],
  );
  return loops.length > 0;
}

Deno.test("findLoops compares addresses, not their spelling", async () => {
  assert.ok(await isLoop("192.0.2.7:993", "192.0.2.7", 993));
  assert.ok(await isLoop("[2001:db8:0::7]:993", "2001:DB8::7", 993));
  assert.ok(await isLoop("192.0.2.7:993", "::ffff:192.0.2.7", 993));
  assert.ok(!await isLoop("192.0.2.7:993", "192.0.2.7", 994));
  assert.ok(!await isLoop("192.0.2.7:993", "192.0.2.8", 993));
});

Deno.test("findLoops knows what a wildcard is bound to", async () => {
  for (const host of ["192.0.2.7", "127.0.0.1", "127.9.9.9", "0.0.0.0"]) {
    assert.ok(await isLoop("0.0.0.0:993", host, 993), host);
    assert.ok(await isLoop("[::]:993", host, 993), host);
  }
  assert.ok(await isLoop("[::]:993", "::1", 993));
  assert.ok(await isLoop("[::]:993", "2001:db8::7", 993));
  assert.ok(!await isLoop("0.0.0.0:993", "2001:db8::7", 993));
  assert.ok(!await isLoop("0.0.0.0:993", "192.0.2.8", 993));
});

Deno.test("findLoops resolves names, and lets those be that do not resolve", async () => {
  const names = { "self.example": ["192.0.2.1", "192.0.2.7"] };
  assert.ok(await isLoop("0.0.0.0:993", "self.example", 993, names));
  assert.ok(!await isLoop("0.0.0.0:993", "other.example", 993, names));
});

Deno.test("findLoops never resolves a name whose ports are nobody's", async () => {
  const loops = await findLoops(
    configOf(BASE),
    (name) => Promise.reject(new Error(name)),
    [],
  );
  assert.deepEqual(loops, []);
});
