/** The dispatch of the management API without a server. */
import assert from "node:assert/strict";
import { FakeControl } from "./fake_control.ts";
import { type Role, tokenDigest } from "../../src/config/tokens.ts";
import { AuditLog } from "../../src/control/audit_log.ts";
import type { LogLine } from "../../src/port/messages.ts";
import { Authenticator } from "../../src/admin/auth.ts";
import { createDispatch } from "../../src/admin/dispatch.ts";
import { Lockout } from "../../src/admin/lockout.ts";
import { routes } from "../../src/admin/routes.ts";

export const TOKEN = "0123456789abcdef0123456789abcdef";

interface Ask {
  token?: string | null;
  peer?: string;
  accept?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** All routes in front of a control plane that is none, and what is logged. */
export function setUp(role: Role = "admin") {
  const control = new FakeControl();
  const logs: LogLine[] = [];
  const lines: LogLine[] = [];
  const audit = new AuditLog((line) => lines.push(line));
  const time = { now: 0 };
  const dispatch = createDispatch({
    routes,
    control,
    authenticator: new Authenticator([
      { name: "ops", role, digest: tokenDigest(TOKEN) },
    ]),
    lockout: new Lockout(5, 300_000, () => time.now),
    log: (line) => logs.push(line),
    audit,
    shorten: (identifier) => `${identifier.slice(0, 2)}…`,
    closing: new AbortController().signal,
  });
  /** The URL goes in as the server hands it over: the Request class would rewrite it. */
  const ask = async (
    line: string,
    { token = TOKEN, peer, accept, headers: more, body }: Ask = {},
  ) => {
    const [method, target] = line.split(" ") as [string, string];
    const headers = new Headers(more);
    if (token !== null) headers.set("authorization", `Bearer ${token}`);
    if (accept !== undefined) headers.set("accept", accept);
    const url = `https://127.0.0.1:9443${target}`;
    const stream = body === undefined ? null : new Response(body).body;
    const response = await dispatch(
      { method, url, headers, body: stream } as Request,
      peer ?? "192.0.2.1",
    );
    return {
      status: response.status,
      body: await response.text(),
      headers: response.headers,
    };
  };
  const expect = async (
    line: string,
    status: number,
    body: string,
    more: Ask = {},
  ) => {
    const answer = await ask(line, more);
    assert.deepEqual([line, answer.status, answer.body], [line, status, body]);
    return answer;
  };
  const audits = () => lines.map(({ fields }) => fields);
  return { control, logs, audits, audit, time, ask, expect };
}

/** The body of a move of one account. */
export const MOVE = JSON.stringify({
  accounts: [{ identifier: "alice@example.com", aliases: ["alice"] }],
  destination: "new",
});
