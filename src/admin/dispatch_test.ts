import assert from "node:assert/strict";
import { type Role, ROLES, tokenDigest } from "../config/tokens.ts";
import { AuditLog } from "../control/audit_log.ts";
import { ControlError } from "../control/api.ts";
import type { LogLine } from "../port/messages.ts";
import { Authenticator } from "./auth.ts";
import { createDispatch } from "./dispatch.ts";
import { FakeControl } from "../../tests/support/fake_control.ts";
import { Lockout } from "./lockout.ts";
import { fillPath, pathParameters } from "./path.ts";
import { contentTypes } from "./route.ts";
import { routes } from "./routes.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

interface Ask {
  token?: string | null;
  peer?: string;
  accept?: string;
  headers?: Record<string, string>;
  body?: string;
}

function setUp(role: Role = "admin") {
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

Deno.test("dispatch answers each route as the contract words it", async () => {
  const { control, expect } = setUp();
  const of = (name: string) =>
    control.calls.filter(([called]) => called === name).map(([, ...a]) => a);

  await expect("GET /healthz", 200, "ok\n");
  await expect("GET /readyz", 200, "ok\n");
  await expect("POST /destinations/reset?destination=old", 200, "ok\n");
  await expect(
    "PUT /mappings?identifier=bob@example.com&destination=new",
    200,
    "ok\n",
  );
  await expect("DELETE /mappings?identifier=bob@example.com", 200, "removed\n");
  await expect("DELETE /mappings?identifier=bob@example.com", 200, "absent\n");
  await expect("POST /mappings/reload", 200, "reloaded\n");
  await expect("POST /cache/invalidate", 200, "ok\n");
  await expect("POST /cache/invalidate?identifier=a@example.com", 200, "ok\n");
  await expect(
    "POST /connections/kick?identifier=alice@example.com",
    200,
    "kicked 1\n",
  );
  const delay = "POST /connections/delay?identifier=a&seconds=";
  for (const seconds of ["0", "30", "120", "121", "99999999999999999999999"]) {
    await expect(delay + seconds, 200, "ok\n");
  }
  await expect(
    "POST /config/reload",
    200,
    '{"reloaded":true,"note":"server.threads needs a restart"}\n',
  );
  assert.deepEqual(of("setMapping"), [["bob@example.com", "new"]]);
  assert.deepEqual(of("invalidate"), [[null], ["a@example.com"]]);
  assert.deepEqual(of("delay").map(([, s]) => s), [0, 30, 120, 120, 120]);
});

const MOVE = JSON.stringify({
  accounts: [{ identifier: "alice@example.com", aliases: ["alice"] }],
  destination: "new",
});

Deno.test("dispatch hands each answer over as its schema declares", async () => {
  const query: Record<string, string> = {
    identifier: "alice@example.com",
    destination: "new",
    seconds: "5",
  };
  for (const route of routes) {
    const { ask, control } = setUp();
    control.config.current = { server: { "@id": "x" } };
    const inPath = pathParameters(route.path);
    const required = Object.entries(route.parameters)
      .filter(([name, { required }]) => required && !inPath.includes(name))
      .map(([name]) => `${name}=${query[name]}`);
    // One of two parameters is required there.
    if (route.path === "/limits") required.push("client=192.0.2.1");
    const path = fillPath(route.path, {
      id: route.path.startsWith("/id/")
        ? "x"
        : route.path.startsWith("/accounts")
        ? "7d1f"
        : route.path.startsWith("/sessions")
        ? control.openSessions[0]!.id
        : "local",
      path: route.method === "PUT" ? "new" : "",
    });
    const line = `${route.method} ${path}?${required.join("&")}`;
    const { status, body, headers } = await ask(
      line,
      route.body ? { body: route.path === "/accounts/move" ? MOVE : "{}" } : {},
    );
    assert.equal(status, 200, `${line}: ${body}`);
    assert.match(headers.get("cache-control")!, /^no-store/);
    for (const name of Object.keys(route.headers ?? {})) {
      assert.ok(headers.has(name), `${line}: ${name}`);
    }
    if (route.form === "stream") {
      assert.ok(contentTypes(route).includes(headers.get("content-type")!));
      assert.ok(body.endsWith("\n"), line);
      continue;
    }
    if (route.form === "typed") {
      const value = { type: headers.get("content-type"), body };
      assert.deepEqual(route.response.parse(value), value, line);
      continue;
    }
    assert.ok(body.endsWith("\n") && !body.slice(0, -1).includes("\n"), line);
    const json = route.form === "json";
    assert.equal(
      headers.get("content-type"),
      json ? "application/json" : "text/plain; charset=utf-8",
    );
    const value = json ? JSON.parse(body) : body.slice(0, -1);
    assert.deepEqual(route.response.parse(value), value, line);
  }
});

Deno.test("dispatch leaves one audit line of a move, with its accounts shortened", async () => {
  const { ask, audits } = setUp("operator");
  const line = "POST /accounts/move";
  assert.equal((await ask(line, { body: MOVE })).status, 200);
  assert.deepEqual(audits(), [{
    via: "api",
    actor: "ops",
    role: "operator",
    client: "192.0.2.1",
    action: line,
    parameters: {
      destination: "new",
      dry_run: "false",
      change: "7d1f",
      count: "1",
      accounts: "al…",
    },
    status: 200,
    result: "moved 1",
  }]);
  assert.ok(!JSON.stringify(audits()).includes("alice"));
});

Deno.test("dispatch answers a move with the worst that became of an account", async () => {
  for (
    const [result, status] of [
      ["moved", 200],
      ["unchanged", 200],
      ["busy", 409],
      ["overtaken", 409],
      ["put-back", 500],
      ["unknown", 500],
    ] as const
  ) {
    const { control, ask } = setUp();
    control.moveResult = result;
    const answer = await ask("POST /accounts/move", { body: MOVE });
    assert.equal(answer.status, status, result);
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.equal(JSON.parse(answer.body).accounts[0].result, result);
  }
});

Deno.test("dispatch refuses a move whose body is not as declared", async () => {
  const { expect, control, ask } = setUp();
  const line = "POST /accounts/move";
  await expect(line, 400, "the body is not JSON\n", { body: "{" });
  const bodies = [
    "[]",
    "{}",
    '{"accounts":[],"destination":"new"}',
    '{"accounts":[{"identifier":1}],"destination":"new"}',
    '{"accounts":[{"identifier":"a"}],"destination":"new","force":true}',
  ];
  for (const body of bodies) {
    const answer = await ask(line, { body });
    assert.equal(answer.status, 400, body);
    assert.match(answer.body, /^the body: [^\n]+\n$/);
  }
  await expect(line, 400, "unknown destination\n", {
    body: MOVE.replace('"new"', '"nowhere"'),
  });
  assert.deepEqual(control.calls.map(([name]) => name), ["move"]);
});

Deno.test("dispatch gives an export as it is liked, and takes an import by its type or as it is said", async () => {
  const { ask, control, expect, audits } = setUp();
  const exported = async (query: string, accept?: string) => {
    const answer = await ask(
      `GET /mappings/export${query}`,
      accept === undefined ? {} : { accept },
    );
    assert.equal(answer.headers.get("x-total-count"), "1");
    return [answer.headers.get("content-type"), answer.body];
  };
  const ndjson = [
    "application/x-ndjson",
    '{"identifier":"alice@example.com","destination":"old"}\n',
  ];
  const csv = ["text/csv", "identifier,destination\nalice@example.com,old\n"];
  assert.deepEqual(await exported(""), ndjson);
  assert.deepEqual(await exported("", "*/*"), ndjson);
  assert.deepEqual(await exported("", "text/csv, */*;q=0.1"), csv);
  assert.deepEqual(await exported("?format=csv", "application/json"), csv);
  assert.deepEqual(await exported("?format=tsv&destination=old"), [
    "text/tab-separated-values",
    "alice@example.com\told\n",
  ]);
  assert.deepEqual(control.calls.at(-1), ["export", "old"]);
  await expect("GET /mappings/export?format=xml", 400, "invalid format\n");
  await expect("GET /mappings", 400, "identifier required\n");

  control.calls.length = 0;
  const line = "POST /mappings/import";
  const types = { "content-type": "text/csv; charset=utf-8" };
  await ask(line, { body: "a,new\n", headers: types });
  await ask(`${line}?format=tsv&mode=best-effort&dry_run=true`, {
    body: "",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  assert.deepEqual(control.calls.filter(([name]) => name === "import"), [
    ["import", { format: "csv", mode: "all-or-nothing", dryRun: false }],
    ["import", { format: "tsv", mode: "best-effort", dryRun: true }],
  ]);
  const other = { "content-type": "application/xml" };
  assert.equal((await ask(line, { body: "", headers: other })).status, 415);
  for (const [result, status] of [["refused", 422], ["failed", 500]] as const) {
    control.importResult = result;
    const answer = await ask(line, { body: "a,new\n", headers: types });
    assert.equal(answer.status, status);
    assert.equal(JSON.parse(answer.body).result, result);
  }
  assert.deepEqual(audits().at(-1)!["parameters"], {
    lines: "1",
    written: "1",
    bad_lines: "0",
  });
});

Deno.test("dispatch takes one of an account and an address for a limit, no less and no more", async () => {
  const { expect } = setUp();
  const both = "identifier=alice@example.com&client=192.0.2.1";
  await expect("DELETE /limits", 400, "identifier or client required\n");
  for (const method of ["GET", "DELETE"]) {
    await expect(
      `${method} /limits?${both}`,
      400,
      "identifier or client, not both\n",
    );
  }
  await expect("DELETE /limits?client=192.0.2.1", 200, "cleared\n");
  await expect("DELETE /limits?identifier=alice@example.com", 200, "absent\n");
});

Deno.test("dispatch sends metrics in the form that the scraper asks for", async () => {
  const { ask } = setUp();
  const open = await ask("GET /metrics", { accept: "*/*" });
  assert.match(
    open.headers.get("content-type")!,
    /^application\/openmetrics-text; version=1\.0\.0; /,
  );
  assert.ok(open.body.endsWith("\n# EOF\n"));
  const plain = await ask("GET /metrics", { accept: "text/plain" });
  assert.match(
    plain.headers.get("content-type")!,
    /^text\/plain; version=0\.0\.4; /,
  );
  assert.match(plain.body, /\nmailferry_bugs_total 0\n/);
});

Deno.test("dispatch shows the authority that there is, and the chain as its clients read it", async () => {
  const { ask, expect } = setUp("viewer");
  const { body } = await ask("GET /pki/ca/local");
  assert.equal(JSON.parse(body).root_common_name, "Root");
  const chain = await expect(
    "GET /pki/ca/local/certificates",
    200,
    "intermediate\nroot\n",
  );
  assert.equal(
    chain.headers.get("content-type"),
    "application/pem-certificate-chain",
  );
  await expect("GET /pki/ca/other", 404, "unknown authority\n");
  await expect("GET /pki/ca/other/certificates", 404, "unknown authority\n");
  await expect("GET /pki/ca", 404, "not found\n");
});

Deno.test("dispatch asks for the token before it looks at the path", async () => {
  const { expect } = setUp();
  let host = 0;
  const denied = async (line: string, token: string | null) => {
    const peer = `192.0.2.${++host}`;
    const answer = await expect(line, 401, "unauthorized\n", { token, peer });
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
  };
  for (const { method, path, role } of routes) {
    if (role !== "public") await denied(`${method} ${path}`, null);
  }
  await denied("GET /nowhere", null);
  await denied("GET /nowhere", "wrong");
  await denied("PATCH /stats", null);
  await denied("POST /healthz", null);
  await denied("GET /%zz", null);
  await denied("GET /stats", "");
  await denied("GET /stats", `${TOKEN}x`);
  await denied("GET /stats", TOKEN.slice(1));
  await expect("GET /healthz", 200, "ok\n", { token: null });
  await expect("GET /readyz", 200, "ok\n", { token: null });
});

Deno.test("dispatch knows unknown paths, wrong methods and trailing slashes", async () => {
  const { ask, expect } = setUp();
  for (const path of ["/nowhere", "/", "//stats", "/Stats", "/a/../stats"]) {
    await expect(`GET ${path}`, 404, "not found\n");
  }
  await expect("GET /%zz", 400, "malformed path\n");
  await expect("GET /%ff", 400, "malformed path\n");
  const allow = async (line: string) => {
    const { headers } = await expect(line, 405, "method not allowed\n");
    return headers.get("allow");
  };
  assert.equal(await allow("POST /stats"), "GET, HEAD");
  assert.equal(await allow("POST /mappings"), "GET, HEAD, PUT, DELETE");
  assert.equal(await allow("GET /connections/kick"), "POST");
  assert.equal(await allow("OPTIONS /mappings/reload"), "POST");
  assert.equal(await allow("DELETE /healthz"), "GET, HEAD");
  const { status } = await ask("GET /stats/");
  assert.equal(status, 200);
  await expect("GET /healthz/?verbose", 200, "ok\n", { token: null });
  const head = await expect("HEAD /stats", 200, "");
  assert.equal(head.headers.get("content-type"), "application/json");
  await expect("HEAD /connections/kick", 405, "");
});

Deno.test("dispatch names the parameters that are missing or wrong", async () => {
  const { expect, control } = setUp();
  const both = "identifier and destination required\n";
  const held = "identifier and seconds required\n";
  await expect("GET /mappings", 400, "identifier required\n");
  await expect("GET /mappings?identifier=", 400, "identifier required\n");
  await expect("DELETE /mappings", 400, "identifier required\n");
  await expect("PUT /mappings", 400, both);
  await expect("PUT /mappings?identifier=a", 400, both);
  await expect("PUT /mappings?destination=new", 400, both);
  await expect("POST /connections/kick", 400, "identifier required\n");
  await expect("POST /connections/delay", 400, held);
  await expect("POST /connections/delay?identifier=a", 400, held);
  await expect("POST /connections/delay?seconds=1", 400, held);
  await expect("POST /destinations/reset", 400, "destination required\n");
  await expect("GET /routes/explain", 400, "identifier required\n");
  for (const seconds of ["-1", "1.5", "x", "+1", "1e3", "0x10", "%205"]) {
    const line = `POST /connections/delay?identifier=a&seconds=${seconds}`;
    await expect(line, 400, "invalid seconds\n");
  }
  await expect(
    "GET /mappings?identifier=a&identifier=b",
    400,
    "duplicate identifier\n",
  );
  await expect("GET /mappings?identifier=%zz", 400, "malformed query\n");
  await expect("GET /mappings?identifier=%ff", 400, "malformed query\n");
  await expect(
    "POST /cache/invalidate?identifer=a",
    400,
    "unknown parameter\n",
  );
  assert.deepEqual(control.calls, []);
});

Deno.test("dispatch leaves + and %2B of a query alike", async () => {
  const { ask, control } = setUp();
  await ask("GET /mappings?identifier=a+b@example.com&_=1");
  await ask("GET /mappings?identifier=a%2Bb%40example.com");
  assert.deepEqual(control.calls, [
    ["mapping", "a+b@example.com"],
    ["mapping", "a+b@example.com"],
  ]);
});

Deno.test("dispatch gives sessions the filters that were asked for", async () => {
  const { ask, control } = setUp();
  await ask("GET /sessions");
  await ask("GET /sessions?destination=old&client=2001:db8::1");
  assert.deepEqual(control.calls, [
    ["sessions", {}],
    ["sessions", { destination: "old", client: "2001:db8::1" }],
  ]);
});

Deno.test("dispatch answers what the control plane refuses", async () => {
  const { expect, control } = setUp();
  const unknown = "unknown destination\n";
  await expect("PUT /mappings?identifier=a&destination=x", 400, unknown);
  await expect("POST /destinations/reset?destination=x", 404, unknown);
  const cases: [string, ControlError, number][] = [
    [
      "PUT /mappings?identifier=a&destination=new",
      new ControlError("read-only", "no upsert_query"),
      501,
    ],
    [
      "DELETE /mappings?identifier=a",
      new ControlError("read-only", "no delete_query"),
      501,
    ],
    [
      "PUT /mappings?identifier=%20&destination=new",
      new ControlError("invalid", "spaces"),
      400,
    ],
    [
      "PUT /mappings?identifier=a&destination=new",
      new ControlError("failed", "disk full"),
      500,
    ],
    ["POST /mappings/reload", new ControlError("invalid", "line 3"), 500],
    ["POST /mappings/reload", new ControlError("failed", "no such file"), 500],
    ["POST /config/reload", new ControlError("invalid", "line 3"), 400],
    ["POST /config/reload", new ControlError("failed", "port taken"), 400],
    ["GET /mappings?identifier=a", new ControlError("failed", "down"), 500],
  ];
  for (const [line, error, status] of cases) {
    control.failure = error;
    await expect(line, status, `${error.message}\n`);
  }
  control.notes = ["the mapping store cannot be asked: refused"];
  await expect("GET /readyz", 200, `ok\n${control.notes[0]}\n`);
  control.notes = [];
  control.notReady = ["listener imaps: not bound", "draining"];
  await expect("GET /readyz", 503, "listener imaps: not bound\ndraining\n", {
    token: null,
  });
});

Deno.test("dispatch logs what it did not expect and tells nothing of it", async () => {
  const { expect, control, logs } = setUp();
  control.failure = new TypeError("x is undefined in secret.ts");
  await expect("GET /stats", 500, "internal error\n");
  assert.deepEqual(logs, [{
    level: "error",
    event: "admin_internal_error",
    fields: {
      path: "/stats",
      error: "TypeError: x is undefined in secret.ts",
    },
  }]);
});

Deno.test("dispatch locks an address out after too many failures", async () => {
  const { ask, expect, time, logs } = setUp();
  const peer = "2001:db8::1";
  for (let i = 0; i < 5; i++) {
    await expect("GET /stats", 401, "unauthorized\n", { token: "x", peer });
  }
  assert.deepEqual(logs.map(({ event }) => event), [
    ...Array(4).fill("admin_unauthorized"),
    "admin_locked_out",
  ]);
  time.now = 1;
  const locked = await ask("GET /stats", { peer: "2001:db8::2" });
  assert.equal(locked.status, 429);
  assert.equal(locked.headers.get("retry-after"), "300");
  await expect("GET /healthz", 200, "ok\n", { token: null, peer });
  await expect("GET /readyz", 200, "ok\n", { token: null, peer });
  assert.equal(
    (await ask("GET /stats", { peer: "2001:db8:0:1::" })).status,
    200,
  );
  time.now = 300_000;
  assert.equal((await ask("GET /stats", { peer })).status, 200);
});

Deno.test("dispatch leaves one audit line for each change, accounts shortened", async () => {
  const { ask, audits } = setUp();
  await ask("GET /mappings?identifier=alice@example.com");
  await ask("PUT /mappings?identifier=alice@example.com&destination=new");
  await ask("PUT /mappings?identifier=alice@example.com&destination=none");
  await ask("POST /connections/kick?identifier=alice@example.com");
  await ask("POST /connections/kick");
  const line = {
    via: "api",
    actor: "ops",
    role: "admin",
    client: "192.0.2.1",
  };
  assert.deepEqual(audits(), [
    {
      ...line,
      action: "PUT /mappings",
      parameters: { identifier: "al…", destination: "new" },
      status: 200,
      result: "ok",
    },
    {
      ...line,
      action: "PUT /mappings",
      parameters: { identifier: "al…", destination: "none" },
      status: 400,
      result: "unknown",
    },
    {
      ...line,
      action: "POST /connections/kick",
      parameters: { identifier: "al…" },
      status: 200,
      result: "kicked 1",
    },
    {
      ...line,
      action: "POST /connections/kick",
      parameters: {},
      status: 400,
      result: "identifier required",
    },
  ]);
});

Deno.test("dispatch shows an admin who changed what, and nobody else", async () => {
  const { ask } = setUp();
  await ask("POST /connections/kick?identifier=alice@example.com");
  await ask("POST /cache/invalidate", { peer: "2001:db8::1" });
  const { body } = await ask("GET /audit");
  const { audit } = JSON.parse(body);
  assert.ok(!Number.isNaN(Date.parse(audit[0].time)));
  assert.deepEqual({ ...audit[0], time: null }, {
    time: null,
    via: "api",
    actor: "ops",
    role: "admin",
    client: "192.0.2.1",
    action: "POST /connections/kick",
    parameters: { identifier: "al…" },
    status: 200,
    result: "kicked 1",
  });
  const last = JSON.parse((await ask("GET /audit?limit=1")).body).audit;
  assert.deepEqual(
    last.map(({ action, client }: Record<string, string>) => [action, client]),
    [["POST /cache/invalidate", "2001:db8::1"]],
  );
  for (const limit of ["0", "1001", "x", "-1"]) {
    assert.equal((await ask(`GET /audit?limit=${limit}`)).status, 400, limit);
  }
  for (const role of ["viewer", "operator"] as const) {
    await setUp(role).expect("GET /audit", 403, "forbidden\n");
  }
});

// The contract of roles: reading is for viewers, operating for operators, the configuration for admins.
Deno.test("every route asks for the role that it says, and for a fitting one", async () => {
  for (const { method, path, role, safe } of routes) {
    const line = `${method} ${path}`;
    if (role === "public") continue;
    for (const given of ROLES) {
      const { status } = await setUp(given).ask(line);
      const allowed: boolean = ROLES.indexOf(given) >= ROLES.indexOf(role);
      assert.equal(status !== 403, allowed, `${line} as ${given}`);
    }
    const audits = path === "/audit";
    const configures = /^\/(config|id|load|overrides|stop|upgrade)\b/.test(
      path,
    );
    const expected = audits || configures && method !== "GET"
      ? "admin"
      : method === "GET" || safe
      ? "viewer"
      : "operator";
    assert.equal(role, expected, line);
  }
});

Deno.test("dispatch holds a token to its role", async () => {
  const viewer = setUp("viewer");
  assert.equal((await viewer.ask("GET /stats")).status, 200);
  await viewer.expect("POST /cache/invalidate", 403, "forbidden\n");
  await viewer.expect("POST /config/reload", 403, "forbidden\n");
  const operator = setUp("operator");
  await operator.expect("POST /cache/invalidate", 200, "ok\n");
  await operator.expect("POST /config/reload", 403, "forbidden\n");
  assert.deepEqual(viewer.control.calls, [["stats"]]);
});

Deno.test("what was set at run time is listed and cleared, in the name of who asks", async () => {
  const { control, ask, expect } = setUp();
  control.overrides.views = ["a", "b"].map((key) => ({
    ...{ kind: "acl", key, value: { add: ["192.0.2.7"], remove: [] } },
    configured: { entries: 2 },
    state: "in-force" as const,
    set_at: "2026-11-25T08:00:00.000Z",
    set_by: "unix@/run/admin.sock",
  }));
  const { body } = await ask("GET /overrides");
  assert.deepEqual(JSON.parse(body).overrides, control.overrides.views);
  await expect("DELETE /overrides?kind=acl&key=b", 200, "cleared 2\n");
  await expect("DELETE /overrides", 200, "cleared 2\n");
  assert.deepEqual(control.calls, [
    ["clearOverrides", { kind: "acl", key: "b" }, "ops"],
    ["clearOverrides", {}, "ops"],
  ]);
});
