import assert from "node:assert/strict";
import { WriteOrder } from "./write_order.ts";

/** Whatever is ready to happen happens. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("WriteOrder lets writes of one identifier follow each other, and others alone", async () => {
  const order = new WriteOrder();
  const begun: string[] = [];
  const ends = new Map<string, (failed?: Error) => void>();
  const write = (name: string) => () => {
    begun.push(name);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    ends.set(name, (failed) => failed ? reject(failed) : resolve());
    return promise;
  };
  const first = order.run(["alice", "bob"], write("first"));
  const second = order.run(["alice"], write("second"));
  const third = order.run(["bob", "alice"], write("third"));
  const other = order.run(["carol"], write("other"));
  await settle();
  assert.deepEqual(begun, ["first", "other"]);
  ends.get("first")!(new Error("refused"));
  await assert.rejects(first, { message: "refused" });
  await settle();
  assert.deepEqual(begun, ["first", "other", "second"]);
  ends.get("second")!();
  ends.get("other")!();
  await settle();
  ends.get("third")!();
  await Promise.all([second, third, other]);
  await settle();
  assert.deepEqual([...order.pending], []);
});
