/** Routes of HTTP that change while requests come. */
import assert from "node:assert/strict";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";

Deno.test("routes change between two requests of a connection, and bad ones change nothing", async () => {
  await using stage = await HttpStage.create();
  const edit = async (method: string, path: string, value: unknown) => {
    const { status, body } = await stage.proxy.admin(
      method,
      `/config/http/${path}`,
      { body: JSON.stringify(value) },
    );
    return { status, body };
  };
  using client = await stage.client();
  const server = async (target: string, body: string) =>
    (await client.ask("POST", target, { body })).fields.one("x-server");
  // Nobody is named: the default destination.
  assert.equal(await server("/who", `user=${ALICE}`), "old");

  const byBody = {
    match: "/who/**",
    extract: { from: "body", regex: "user=(?P<who>[^&]+)" },
  };
  assert.equal((await edit("PUT", "route/0", byBody)).status, 200);
  assert.equal(await server("/who", `user=${ALICE}`), "old");
  using other = await stage.client();
  const named = await other.ask("POST", "/who", { body: `user=${BOB}` });
  assert.equal(named.fields.one("x-server"), "new");
  const unnamed = await stage.ask("POST", "/who", { body: "user=" });
  assert.equal(unnamed.status, 404);

  for (
    const [method, path, value, says] of [
      [
        "PATCH",
        "route/0/extract/regex",
        "(?=user)(x)",
        "http.route[0].extract.regex: is not in RE2 syntax: invalid or unsupported Perl syntax: `(?=`",
      ],
      ["PATCH", "route/0/extract/regex", "user=.*", "has no group"],
      [
        "PATCH",
        "route/0/match",
        "/who/[",
        'http.route[0].match: has a "[" without a "]"',
      ],
      ["PUT", "route/0/fallback", "nowhere", '"nowhere" is not declared'],
      [
        "PATCH",
        "route",
        [],
        "an http listener needs at least one [[http.route]]",
      ],
    ] as const
  ) {
    const { status, body } = await edit(method, path, value);
    assert.equal(status, 400, body);
    assert.ok(body.includes(says), body);
  }
  const again = await other.ask("POST", "/who", { body: `user=${BOB}` });
  assert.equal(again.fields.one("x-server"), "new");
});
