import assert from "node:assert/strict";
import type { LogLine } from "../port/messages.ts";
import { Log } from "./log.ts";
import { formatJson, formatText } from "./log_format.ts";
import { LogWriter } from "./log_writer.ts";

const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function line(fields: Record<string, unknown>): LogLine & { time: number } {
  return { time: TIME, level: "info", event: "login_failed", fields };
}

Deno.test("formatJson writes time, level and event first, then the fields", () => {
  assert.equal(
    formatJson(line({ client: "::1", tries: 2, gone: undefined, ok: null })),
    '{"time":"2026-01-02T03:04:05.006Z","level":"info","event":"login_failed",' +
      '"client":"::1","tries":2,"ok":null}\n',
  );
});

Deno.test("formatText writes key=value and quotes what is not plain", () => {
  assert.equal(
    formatText(line({ client: "2001:db8::1", reason: "no such user", n: 1 })),
    "2026-01-02T03:04:05.006Z INFO  event=login_failed client=2001:db8::1 " +
      'reason="no such user" n=1\n',
  );
});

Deno.test("log formats let no value begin a line, a field or a terminal sequence", () => {
  const evil = 'x\r\nevent=login_failed client=192.0.2.1 "\\\x1b[2J\x9b' +
    "\u2028\u202e\0";
  for (const format of [formatJson, formatText]) {
    const text = format(line({ reason: evil, list: [evil] }));
    assert.equal(text.indexOf("\n"), text.length - 1);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text.slice(0, -1), /[\0-\x1f\x7f-\x9f\u2028\u202e]/);
  }
  const back = JSON.parse(formatJson(line({ reason: evil })));
  assert.equal(back.reason, evil);
  assert.match(formatText(line({ reason: evil })), / reason="x\\r\\nevent=/);
  assert.match(formatText(line({ reason: "" })), / reason=""\n$/);
  assert.match(formatText(line({ reason: "a=b" })), / reason="a=b"\n$/);
});

Deno.test("log formats cut long values and show no stack", () => {
  const error = new Error("x".repeat(10_000));
  const text = formatText(line({ error }));
  assert.ok(text.length < 5000);
  assert.doesNotMatch(text, /at file/);
});

/** A target that writes a little at a time, when it is let. */
class SlowTarget {
  text = "";
  #gate = Promise.withResolvers<void>();
  async write(bytes: Uint8Array): Promise<number> {
    await this.#gate.promise;
    const part = bytes.subarray(0, 65_536);
    this.text += new TextDecoder().decode(part);
    return part.length;
  }
  open(): void {
    this.#gate.resolve();
  }
}

Deno.test("LogWriter never waits, drops beyond its bound and tells how many", async () => {
  const target = new SlowTarget();
  const writer = new LogWriter(target, (count) => `lost ${count}\n`);
  const long = "x".repeat(999_999) + "\n";
  writer.push("first\n");
  for (let i = 0; i < 10; i++) writer.push(long);
  writer.push("last\n");
  target.open();
  await writer.flush(60_000);
  const lines = target.text.split("\n");
  assert.equal(lines[0], "first");
  assert.equal(lines.filter((l) => l.length === 999_999).length, 4);
  assert.deepEqual(lines.slice(-3), ["last", "lost 6", ""]);
});

Deno.test("LogWriter survives a target that fails", async () => {
  const writer = new LogWriter(
    { write: () => Promise.reject(new Error("broken pipe")) },
    String,
  );
  writer.push("a\n");
  await writer.flush();
  writer.push("b\n");
  await writer.flush();
});

Deno.test("Log writes what its level lets through, from here and from workers", async () => {
  const target = new SlowTarget();
  target.open();
  const log = new Log({ level: "info", format: "json", target });
  log.info("ready", { listeners: 2 });
  log.logLines([
    { level: "debug", event: "hidden", fields: {} },
    { level: "warn", event: "odd", fields: { account: "{x}" } },
  ]);
  log.level = "trace";
  log.write({ level: "trace", event: "fine", fields: {} });
  await log.flush();
  const lines = target.text.trim().split("\n").map((text) => JSON.parse(text));
  assert.deepEqual(
    lines.map(({ time, ...rest }) => {
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      return rest;
    }),
    [
      { level: "info", event: "ready", listeners: 2 },
      { level: "warn", event: "odd", account: "{x}" },
      { level: "trace", event: "fine" },
    ],
  );
});
