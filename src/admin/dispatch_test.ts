import assert from "node:assert/strict";
import { ControlError } from "../control/api.ts";
import { fillPath, pathParameters } from "./path.ts";
import { contentTypes } from "./route.ts";
import { routes } from "./routes.ts";
import { MOVE, setUp } from "../../tests/support/admin_dispatch.ts";

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
