import assert from "node:assert/strict";
import { ROLES } from "../config/tokens.ts";
import { routes } from "./routes.ts";
import { setUp, TOKEN } from "../../tests/support/admin_dispatch.ts";

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
