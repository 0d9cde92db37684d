import assert from "node:assert/strict";
import { Log } from "../observe/log.ts";
import { Journal } from "./journal.ts";

function setup(level: "error" | "info" = "info") {
  const journal = new Journal();
  const written: string[] = [];
  const log = new Log({
    level,
    format: "json",
    target: {
      write(bytes) {
        written.push(new TextDecoder().decode(bytes));
        return Promise.resolve(bytes.length);
      },
    },
  });
  log.tap = (line) => journal.take(line);
  return { journal, log, written };
}

Deno.test("Journal keeps the last lines, errors longer than the rest", () => {
  const { journal, log } = setup();
  log.info("login_failed", { client: "192.0.2.1" });
  for (let i = 0; i < 1500; i++) log.info("ready", { i });
  const kept = journal.events.all();
  assert.equal(kept.length, 1000);
  assert.equal(kept[0]!.fields.i, 500);
  assert.equal(kept.at(-1)!.fields.i, 1499);
  assert.equal(journal.events.total, 1501);
  assert.deepEqual(
    journal.errors.all().map(({ event }) => event),
    ["login_failed"],
  );
});

Deno.test("Journal tells ends that are somebody's fault from ordinary ones", () => {
  const { journal, log } = setup();
  const reasons = ["logout", "tls-failed", "client-closed", "limit"];
  for (const reason of reasons) log.info("session_end", { reason });
  assert.deepEqual(
    journal.errors.all().map(({ fields }) => fields.reason),
    ["tls-failed", "limit"],
  );
});

Deno.test("Journal hears what a quiet log leaves out, but no details for debugging", async () => {
  const { journal, log, written } = setup("error");
  log.info("ready");
  log.write({ level: "debug", event: "detail", fields: {} });
  await log.flush();
  assert.deepEqual(written, []);
  assert.deepEqual(journal.events.all().map(({ event }) => event), ["ready"]);
});

Deno.test("Journal tells watchers what comes, until they leave", () => {
  const { journal, log } = setup();
  const seen: string[] = [];
  const leave = journal.events.watch(({ event }) => seen.push(event));
  log.info("ready");
  leave();
  log.info("stopped");
  assert.deepEqual(seen, ["ready"]);
});
