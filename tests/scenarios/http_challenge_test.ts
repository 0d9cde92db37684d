/** Clients that ask without credentials first, as most do, and are asked for them by the fallback. */
import assert from "node:assert/strict";
import { BOB, BY_AUTHORIZATION, HttpStage } from "../support/http_stage.ts";

Deno.test("who is asked for credentials brings them over another connection", async () => {
  await using stage = await HttpStage.create({
    routes: [{ match: "/fixed", destination: "old" }, BY_AUTHORIZATION],
  });
  const fields = { "WWW-Authenticate": 'Basic realm="mail"' };
  stage.old.answer = async (talk) => {
    await talk.body();
    await talk.reply(401, { fields, body: "who?" });
  };

  using client = await stage.client();
  const asked = await client.ask("GET", "/");
  assert.equal(asked.status, 401);
  assert.equal(asked.body, "who?");
  assert.equal(
    asked.fields.one("www-authenticate"),
    fields["WWW-Authenticate"],
  );
  assert.equal(asked.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
  const known = await stage.ask("GET", "/", { as: BOB });
  assert.equal(known.fields.one("x-server"), "new");

  // Where no route could lead elsewhere, and for credentials that were wrong, the connection stays.
  using other = await stage.client();
  for (const as of [undefined, "nobody@example.com"]) {
    const target = as === undefined ? "/fixed" : "/";
    const parts = as === undefined ? {} : { as };
    const again = await other.ask("GET", target, parts);
    assert.equal(again.status, 401);
    assert.equal(again.fields.one("connection"), undefined);
  }
});
