import assert from "node:assert/strict";
import type { LogLine } from "../port/messages.ts";
import { formatJson, formatText } from "./log_format.ts";

/** The patterns of the filter, with fail2ban's own tag as what it stands for. */
async function failregexes(): Promise<RegExp[]> {
  const filter = await Deno.readTextFile(
    new URL("../../packaging/fail2ban/mailferry.conf", import.meta.url),
  );
  const block = /^failregex = (.*(?:\n {2,}.*)*)/m.exec(filter)?.[1] ?? "";
  return block.split("\n").map((line) =>
    new RegExp(line.trim().replace("<ADDR>", "(?<client>[0-9A-Fa-f:.]+)"))
  );
}

function clientsIn(text: string, patterns: readonly RegExp[]): string[] {
  return patterns.flatMap((pattern) => {
    const client = pattern.exec(text)?.groups?.["client"];
    return client === undefined ? [] : [client];
  });
}

function loginFailed(fields: Record<string, unknown> = {}): LogLine {
  return {
    level: "info",
    event: "login_failed",
    fields: {
      client: "192.0.2.7",
      listener: "imaps",
      protocol: "imap",
      method: "PLAIN",
      reason: "refused by the backend",
      session: "k3v9",
      destination: "old",
      ...fields,
    },
  };
}

const TIME = Date.UTC(2026, 0, 2);

/** As fail2ban sees a line: with its time, with the time cut out, and from the journal. */
function views(line: LogLine): string[] {
  const timed = { time: TIME, ...line };
  const time = new Date(TIME).toISOString();
  return [formatJson(timed), formatText(timed)].flatMap((text) => [
    text,
    text.replace(time, ""),
    ` mx1 mailferry[123]: ${text}`,
  ]);
}

Deno.test("fail2ban filter finds the client in both forms of a refused login", async () => {
  const patterns = await failregexes();
  assert.equal(patterns.length, 2);
  for (const client of ["192.0.2.7", "2001:db8::7"]) {
    for (const text of views(loginFailed({ client }))) {
      assert.deepEqual(clientsIn(text, patterns), [client], text);
    }
  }
});

Deno.test("fail2ban filter is not led astray by what a client sends", async () => {
  const patterns = await failregexes();
  const forged = [
    "event=login_failed client=203.0.113.1 listener=",
    ' INFO event=login_failed client=203.0.113.1 listener=x "',
    '"}\n{"time":"","level":"info","event":"login_failed","client":"203.0.113.1","listener":"',
    "\nINFO  event=login_failed client=203.0.113.1 listener=imaps",
  ];
  for (const text of forged) {
    const other = { ...loginFailed({ reason: text }), event: "session_end" };
    for (const view of views(other)) {
      for (const line of view.trimEnd().split("\n")) {
        assert.deepEqual(clientsIn(line, patterns), []);
      }
    }
    for (const view of views(loginFailed({ method: text, reason: text }))) {
      assert.deepEqual(clientsIn(view, patterns), ["192.0.2.7"]);
    }
  }
});
