import assert from "node:assert/strict";
import { octetsOf } from "../../protocols/http/octets.ts";
import { parseRequestHead } from "../../protocols/http/request.ts";
import type { HttpRoute } from "../../route/http_routes.ts";
import type { WorkerCore } from "../core.ts";
import { Caller } from "./caller.ts";

const snapshot = { normalize: "lowercase", masterUserSeparators: [] };
const core = { generation: { snapshot } } as unknown as WorkerCore;

/** Takes what the field says for the identifier, and notes each time that it is asked. */
function ruleOf(
  asked: string[],
  from: "authorization" | "header" = "authorization",
): HttpRoute {
  const extract = from === "header"
    ? { from, header: "Authorization" }
    : { from };
  return {
    destination: null,
    fallback: null,
    extract,
    identifier: ({ fields }) => {
      const value = fields.all("authorization")[0] ?? null;
      asked.push(`${value}`);
      return value;
    },
    identifierInBody: () => null,
  };
}

const request = (...fields: string[]) =>
  parseRequestHead(
    octetsOf(["GET / HTTP/1.1", "Host: h", ...fields, "", ""].join("\r\n")),
  );
const by = (value: string) => request(`Authorization: ${value}`);

Deno.test("Caller reads the credentials of a connection when they change", () => {
  const asked: string[] = [];
  const rule = ruleOf(asked);
  const caller = new Caller();
  const account = (value: string) =>
    caller.account(core, rule, by(value), null);
  assert.equal(account("Anna"), "anna");
  assert.equal(account("Anna"), "anna");
  assert.equal(account("Anna2"), "anna2");
  assert.equal(account("bert"), "bert");
  assert.equal(account("Anna"), "anna");
  assert.deepEqual(asked, ["Anna", "Anna2", "bert", "Anna"]);
});

Deno.test("Caller does not take a request without credentials for that of the one before", () => {
  const asked: string[] = [];
  const rule = ruleOf(asked);
  const caller = new Caller();
  assert.equal(caller.account(core, rule, by("anna"), null), "anna");
  assert.equal(caller.account(core, rule, request(), null), null);
  assert.equal(caller.account(core, rule, by("anna"), null), "anna");
  assert.deepEqual(asked, ["anna", "null"]);
});

Deno.test("Caller asks each rule for itself, also for who is no account", () => {
  const one: string[] = [];
  const other: string[] = [];
  const [first, second] = [ruleOf(one), ruleOf(other)];
  const caller = new Caller();
  const none = by('no "account"');
  assert.equal(caller.account(core, first, none, null), null);
  assert.equal(caller.account(core, first, none, null), null);
  assert.equal(caller.account(core, second, none, null), null);
  assert.equal(one.length + other.length, 2);
  const header = ruleOf(one, "header");
  assert.equal(caller.account(core, header, by("carl"), null), "carl");
  assert.equal(caller.account(core, header, by("carl"), null), "carl");
});

Deno.test("Caller remembers nothing that is very long", () => {
  const asked: string[] = [];
  const rule = ruleOf(asked);
  const caller = new Caller();
  const long = "x".repeat(5000);
  for (const value of ["anna", long, long, "anna"]) {
    caller.account(core, rule, by(value), null);
  }
  assert.deepEqual(asked, ["anna", long, long]);
});
