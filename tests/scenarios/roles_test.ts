/** Tokens with roles, and the audit log, as an operator meets them. */
import assert from "node:assert/strict";
import { tokenDigest } from "../../src/config/tokens.ts";
import { routes } from "../../src/admin/routes.ts";
import { ALICE, PASSWORD, Stage } from "../support/stage.ts";

const secret = (name: string) => `${name}-token-of-the-tests-long-enough`;
const ROLES = ["viewer", "operator", "admin"] as const;

/** A stage whose only tokens are those of `[[admin.token]]`, and requests with them. */
async function withRoles() {
  const token = ROLES.map((role) => ({
    name: `the-${role}`,
    role,
    hash: `sha256:${tokenDigest(secret(role))}`,
  }));
  const stage = await Stage.create({
    config: { admin: { bearer_token: undefined, token } },
  });
  const client = Deno.createHttpClient({ caCerts: [stage.proxy.ca] });
  const ask = async (role: string, method: string, path: string) => {
    const response = await fetch(stage.proxy.adminUrl + path, {
      client,
      method,
      headers: { authorization: `Bearer ${secret(role)}` },
    });
    return { status: response.status, body: await response.text() };
  };
  return { stage, client, ask };
}

Deno.test("each route is for the role that it declares, and for those above", async () => {
  const { stage, client, ask } = await withRoles();
  await using _ = stage;
  using __ = client;
  assert.equal((await ask("nobody", "GET", "/stats")).status, 401);
  for (const { method, path, role } of routes) {
    // It would end the proxy.
    if (path === "/stop") continue;
    for (const given of ROLES) {
      const { status } = await ask(given, method, path);
      const isAllowed = role === "public" ||
        ROLES.indexOf(given) >= ROLES.indexOf(role);
      assert.equal(status !== 403, isAllowed, `${method} ${path} as ${given}`);
    }
  }
});

Deno.test("GET /audit says who changed what, without accounts and secrets", async () => {
  const { stage, client, ask } = await withRoles();
  await using _ = stage;
  using __ = client;
  const change = `/mappings?identifier=${ALICE}&destination=new`;
  assert.equal((await ask("operator", "PUT", change)).status, 200);
  assert.equal((await ask("viewer", "PUT", change)).status, 403);
  Deno.kill(stage.proxy.pid, "SIGHUP");
  await stage.proxy.entry(
    "the audit line of the signal",
    (entry) => entry.event === "audit" && entry["actor"] === "SIGHUP",
  );
  const { body } = await ask("admin", "GET", "/audit");
  const { audit } = JSON.parse(body) as { audit: Record<string, unknown>[] };
  assert.deepEqual(
    audit.map(({ via, actor, role, client, action, status, result }) => [
      ...[via, actor, role, client],
      ...[action, status, result],
    ]),
    [
      [
        ...["api", "the-operator", "operator", "127.0.0.1"],
        ...["PUT /mappings", 200, "ok"],
      ],
      [
        ...["api", "the-viewer", "viewer", "127.0.0.1"],
        ...["PUT /mappings", 403, "forbidden"],
      ],
      [
        ...["signal", "SIGHUP", undefined, undefined],
        "reload",
        undefined,
        "done",
      ],
    ],
  );
  for (const found of [body, JSON.stringify(stage.proxy.log)]) {
    for (const kept of [ALICE, PASSWORD, ...ROLES.map(secret)]) {
      assert.ok(!found.includes(kept), kept);
    }
  }
  const last = await ask("admin", "GET", "/audit?limit=1");
  assert.equal(JSON.parse(last.body).audit.length, 1);
});

Deno.test("a reload gives and takes tokens, while the proxy serves", async () => {
  const { stage, client, ask } = await withRoles();
  await using _ = stage;
  using __ = client;
  const [, operator, admin] = ROLES.map((role) => ({
    name: `the-${role}`,
    role,
    hash: `sha256:${tokenDigest(secret(role))}`,
  }));
  const newcomer = {
    name: "newcomer",
    role: "viewer",
    hash: `sha256:${tokenDigest(secret("newcomer"))}`,
  };
  const demoted = { ...operator, role: "viewer" };
  await stage.proxy.reconfigure({
    admin: { token: [demoted, admin, newcomer] },
  });
  assert.equal((await ask("newcomer", "GET", "/stats")).status, 401);
  const reload = await ask("admin", "POST", "/config/reload");
  assert.equal(reload.status, 200, reload.body);
  assert.equal((await ask("newcomer", "GET", "/stats")).status, 200);
  assert.equal((await ask("viewer", "GET", "/stats")).status, 401);
  const { status } = await ask("operator", "POST", "/cache/invalidate");
  assert.equal(status, 403);

  await stage.proxy.reconfigure({ admin: { token: [demoted, newcomer] } });
  const refused = await ask("admin", "POST", "/config/reload");
  assert.equal(refused.status, 400);
  assert.match(refused.body, /admin: a token is required/);
  assert.equal((await ask("admin", "GET", "/audit")).status, 200);
});
