import assert from "node:assert/strict";
import type { LogLine } from "../port/messages.ts";
import { type AuditEntry, AuditLog } from "./audit_log.ts";

const ENTRY: AuditEntry = {
  via: "signal",
  actor: "SIGHUP",
  action: "reload",
  parameters: {},
  result: "done",
};

Deno.test("AuditLog logs each change and keeps the last thousand", () => {
  const lines: LogLine[] = [];
  const audit = new AuditLog(
    (line) => lines.push(line),
    () => new Date("2026-11-22T08:00:00Z"),
  );
  for (let i = 0; i < 1003; i++) {
    audit.record({ ...ENTRY, parameters: { number: String(i) } });
  }
  assert.equal(lines.length, 1003);
  assert.deepEqual(lines[0], {
    level: "info",
    event: "audit",
    fields: { ...ENTRY, parameters: { number: "0" } },
  });
  const kept = audit.latest();
  assert.equal(kept.length, 1000);
  assert.deepEqual(kept[0], {
    time: "2026-11-22T08:00:00.000Z",
    ...ENTRY,
    parameters: { number: "3" },
  });
  assert.deepEqual(
    audit.latest(2).map(({ parameters }) => parameters["number"]),
    ["1001", "1002"],
  );
});

Deno.test("AuditLog bounds what it keeps of one change", () => {
  const audit = new AuditLog(() => {});
  const long = "x".repeat(100_000);
  audit.record({ ...ENTRY, parameters: { long }, result: long });
  const [record] = audit.latest();
  assert.equal(record!.result.length, 256);
  assert.equal(record!.parameters["long"]!.length, 256);
});
