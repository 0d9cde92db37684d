import assert from "node:assert/strict";
import { type Coming, type Facility, prepareAll } from "./facility.ts";

/** Facilities that write down what is asked of them; `bad` cannot be made. */
function facilities(log: string[], ...names: string[]): Facility[] {
  return names.map((name) => ({
    prepare: () => {
      log.push(`prepare ${name}`);
      if (name === "bad") return Promise.reject(new Error("cannot be made"));
      return Promise.resolve({
        commit: () => void log.push(`commit ${name}`),
        abort: () => void log.push(`abort ${name}`),
      });
    },
  }));
}

const COMING = {} as Coming;

Deno.test("prepareAll commits what it has prepared", async () => {
  const log: string[] = [];
  const made = await prepareAll(facilities(log, "a", "b"), COMING);
  await made.commit();
  assert.deepEqual(log, ["prepare a", "prepare b", "commit a", "commit b"]);
});

Deno.test("prepareAll throws away what was made before one that cannot be", async () => {
  const log: string[] = [];
  await assert.rejects(
    prepareAll(facilities(log, "a", "bad", "c"), COMING),
    /cannot be made/,
  );
  assert.deepEqual(log, ["prepare a", "prepare bad", "abort a"]);
});
