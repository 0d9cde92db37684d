import assert from "node:assert/strict";
import { reserve } from "./reserve.ts";

const hostname = "127.0.0.1";

Deno.test("reserve finds a free port, and holds it until the workers share it", () => {
  const { address, release } = reserve({ hostname, port: 0 });
  assert.notEqual(address.port, 0);
  assert.throws(() => Deno.listen({ ...address }), Deno.errors.AddrInUse);
  const worker = Deno.listen({ ...address, reusePort: true });
  release();
  worker.close();
});

Deno.test("reserve refuses a port that anybody has, even one who shares", () => {
  for (const reusePort of [false, true]) {
    using other = Deno.listen({ hostname, port: 0, reusePort });
    const { port } = other.addr;
    assert.throws(() => reserve({ hostname, port }), Deno.errors.AddrInUse);
  }
});

Deno.test("reserve leaves a given port free for the workers", () => {
  const { address, release } = reserve({ hostname, port: 0 });
  release();
  reserve(address).release();
  Deno.listen({ ...address, reusePort: true }).close();
});
