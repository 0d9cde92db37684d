import assert from "node:assert/strict";
import { MOVE, setUp } from "../../../tests/support/admin_dispatch.ts";

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
