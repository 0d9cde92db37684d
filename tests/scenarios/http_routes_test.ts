/** Which backend a request goes to: `[[http.route]]`, and where the identifier is found. */
import assert from "node:assert/strict";
import { basic, bearer, type RequestParts } from "../support/http_client.ts";
import { chunkOf } from "../support/http_message.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import type { Table } from "../support/proxy_config.ts";

const stageOf = (routes: readonly Table[], config: Table = {}) =>
  HttpStage.create({ routes, config });

/** The server that answers a request, or the status of the proxy's own answer. */
async function server(
  stage: HttpStage,
  target: string,
  parts: RequestParts = {},
  method = "GET",
): Promise<string | number> {
  const { status, fields } = await stage.ask(method, target, parts);
  return fields.one("x-server") ?? status;
}

const authorized = (authorization: string): RequestParts => ({
  fields: { Authorization: authorization },
});

Deno.test("the first route that matches the path wins, and without one there is 404", async () => {
  await using stage = await stageOf([
    { match: "/fixed", destination: "new" },
    { match: "/api/special/", destination: "new" },
    { match: "/api/**", destination: "default" },
    { match: "/static/*.{css,js}", destination: "new" },
    { match: "/file[0-9]?.txt", destination: "new" },
  ]);
  for (
    const [target, expected] of [
      ["/fixed", "new"],
      ["/fixed/", "new"],
      ["/fixed?at=/api/x", "new"],
      ["/f%69xed", "new"],
      ["http://proxy.test/fixed", "new"],
      ["/fixed/more", 404],
      ["/Fixed", 404],
      ["/api/special", "new"],
      ["/api/special/", "new"],
      ["/api/special/more", "old"],
      ["/api/x/y/z", "old"],
      ["/static/a.css", "new"],
      ["/static/a.js", "new"],
      ["/static/a.png", 404],
      ["/file1x.txt", "new"],
      ["/filexx.txt", 404],
      ["/", 404],
    ] as const
  ) {
    assert.equal(await server(stage, target), expected, target);
  }
});

Deno.test("a request without a route is answered with 404 and the connection closed", async () => {
  await using stage = await stageOf([{ match: "/api", destination: "new" }]);
  using client = await stage.client();
  const answer = await client.ask("GET", "/other");
  assert.equal(answer.status, 404);
  assert.equal(answer.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
  assert.equal(stage.old.connections.length, 0);

  // Answered although its body has not come, and the answer is not lost to a reset.
  using other = await stage.client();
  const length = { "Content-Length": "1000000" };
  await other.send("POST /other HTTP/1.1\r\nHost: a\r\n");
  await other.send(`Content-Length: ${length["Content-Length"]}\r\n\r\n`);
  await other.send("x".repeat(500_000));
  assert.equal((await other.response("POST")).status, 404);
});

Deno.test("Basic credentials and tokens name the account, and reach the backend as they came", async () => {
  await using stage = await HttpStage.create({
    config: { oauth: { jwt_username_claim: "mail" } },
  });
  const token = "sw1.Ym9keQ." + btoa(BOB).replaceAll("=", "");
  const wrong = { sub: "no address", email: BOB };
  for (
    const [authorization, expected] of [
      [basic(ALICE), "old"],
      [basic(BOB), "new"],
      [basic("BOB@Example.COM"), "new"],
      [basic(BOB, "with:colons"), "new"],
      [basic(BOB).replace("Basic", "bAsIc"), "new"],
      [bearer({ mail: BOB, email: ALICE }), "new"],
      [bearer({ mail: ALICE, email: BOB }), "old"],
      [bearer({ preferred_username: BOB }), "new"],
      [bearer(wrong), "new"],
      [`Bearer ${token}`, "new"],
    ] as const
  ) {
    const parts = authorized(authorization);
    assert.equal(await server(stage, "/", parts), expected, authorization);
    const backend = expected === "old" ? stage.old : stage.new_;
    assert.equal(backend.last.fields.one("authorization"), authorization);
  }
});

Deno.test("what names no account in Authorization goes to the fallback", async () => {
  await using stage = await stageOf([
    {
      match: "/new/**",
      extract: { from: "authorization" },
      fallback: "new",
    },
    { match: "/none/**", extract: { from: "authorization" } },
    {
      match: "/**",
      extract: { from: "authorization" },
      fallback: "default",
    },
  ]);
  const bare = new TextEncoder().encode(BOB).toBase64();
  for (
    const parts of [
      {},
      authorized("Basic"),
      authorized("Basic !!!"),
      authorized(`Basic ${bare}`),
      authorized("Bearer opaque"),
      authorized(bearer({ sub: "no address" })),
      authorized("Digest username=bob@example.com"),
    ]
  ) {
    const what = JSON.stringify(parts);
    assert.equal(await server(stage, "/new/", parts), "new", what);
    assert.equal(await server(stage, "/none/", parts), 404, what);
    assert.equal(await server(stage, "/", parts), "old", what);
  }
});

Deno.test("an identifier that no account can have counts as none", async () => {
  await using stage = await stageOf([
    {
      match: "/header",
      extract: { from: "header", header: "X-User" },
      fallback: "new",
    },
    {
      match: "/basic",
      extract: { from: "authorization" },
      fallback: "new",
    },
  ]);
  for (
    const user of ["", "a b@example.com", '"a"@example.com', "a".repeat(321)]
  ) {
    const header = { fields: { "X-User": user } };
    assert.equal(await server(stage, "/header", header), "new", user);
    assert.equal(await server(stage, "/basic", { as: user }), "new", user);
  }
  for (const user of ["a\u0000b@example.com", "a\tb", "a\nb", "%admin"]) {
    assert.equal(await server(stage, "/basic", { as: user }), "new", user);
  }
  assert.equal(await server(stage, "/basic", { as: "unknown" }), "old");
});

Deno.test("a query parameter and a field may name the account", async () => {
  await using stage = await stageOf([
    {
      match: "/query",
      extract: { from: "query", param: "user" },
      fallback: "default",
    },
    {
      match: "/header",
      extract: { from: "header", header: "X-User" },
      fallback: "default",
    },
  ]);
  for (
    const [target, expected] of [
      ["/query?user=bob@example.com", "new"],
      ["/query?user=bob%40example.com", "new"],
      ["/query?a=1&user=bob%40example%2ecom&b=2", "new"],
      ["/query?xuser=bob@example.com", "old"],
      ["/query?user", "old"],
      ["/query?user=%zz", "old"],
      ["/query", "old"],
    ] as const
  ) {
    assert.equal(await server(stage, target), expected, target);
  }
  for (const name of ["X-User", "x-user"]) {
    const fields = { [name]: BOB };
    assert.equal(await server(stage, "/header", { fields }), "new");
    assert.equal(stage.new_.last.fields.one("x-user"), BOB);
  }
  const { target } = await (async () => {
    await server(stage, "/query?user=bob%40example.com&x=%2F");
    return stage.new_.last;
  })();
  assert.equal(target, "/query?user=bob%40example.com&x=%2F");
});

Deno.test("an account may have a name beyond ASCII, as UTF-8", async () => {
  const name = "björn@example.com";
  await using stage = await HttpStage.create({ mappings: { [name]: "new" } });
  for (
    const authorization of [
      basic(name),
      basic("BJÖRN@example.com"),
      bearer({ email: name }),
    ]
  ) {
    assert.equal(await server(stage, "/", authorized(authorization)), "new");
  }
  // In another charset it is somebody else.
  const latin1 = authorized(`Basic ${btoa(`${name}:x`)}`);
  assert.equal(await server(stage, "/", latin1), "old");
});

Deno.test("a login for another's mailbox is routed by its owner", async () => {
  await using stage = await stageOf([{
    match: "/**",
    extract: { from: "authorization" },
  }], { routing: { master_user_separators: ["%", "*"] } });
  for (const user of [`${BOB}%admin`, `${BOB}*admin%x`]) {
    assert.equal(await server(stage, "/", { as: user }), "new");
    assert.equal(stage.new_.last.fields.one("authorization"), basic(user));
  }
});

Deno.test("identifiers are normalized as the mapping says", async () => {
  await using stage = await stageOf([{
    match: "/**",
    extract: { from: "header", header: "X-User" },
  }], { mapping: { normalize: "lowercase" } });
  const fields = { "X-User": "BOB@Example.com" };
  assert.equal(await server(stage, "/", { fields }), "new");
});

const BODY_ROUTE: Table = {
  match: "/**",
  extract: { from: "body", regex: '"user"\\s*:\\s*"([^"]+)"' },
  fallback: "default",
};

const BODY = `{"at":1,"user":"${BOB}","rest":"${"x".repeat(500)}"}`;

Deno.test("a body may name the account, whatever pieces it comes in, and is passed on whole", async () => {
  await using stage = await stageOf([BODY_ROUTE]);
  assert.equal(await server(stage, "/a", { body: BODY }, "POST"), "new");
  assert.equal(stage.new_.last.body, BODY);
  const body = '{"nobody":1}';
  assert.equal(await server(stage, "/b", { body }, "POST"), "old");
  assert.equal(await server(stage, "/c", { body: "" }, "POST"), "old");
  assert.equal(await server(stage, "/d"), "old");

  using slow = await stage.client();
  await slow.send("POST /slow HTTP/1.1\r\nHost: a\r\n");
  await slow.send(`Content-Length: ${BODY.length}\r\n\r\n`);
  await slow.sendSlowly(BODY);
  assert.equal((await slow.response()).body, "new POST /slow");
  assert.equal(stage.new_.last.body, BODY);

  using chunked = await stage.client();
  await chunked.send("POST /chunked HTTP/1.1\r\nHost: a\r\n");
  await chunked.send("Transfer-Encoding: chunked\r\n\r\n");
  // The boundaries are in the middle of the key and of the address.
  for (const part of BODY.match(/[^]{1,13}/g)!) {
    await chunked.send(chunkOf(part, ";user=nobody"));
  }
  await chunked.send("0\r\nX-Sum: 1\r\n\r\n");
  assert.equal((await chunked.response()).body, "new POST /chunked");
  assert.equal(stage.new_.last.body, BODY);
  assert.equal(stage.new_.last.trailers?.one("x-sum"), "1");
  // The next request on the connection is read from where the body ended.
  assert.equal(
    (await chunked.ask("POST", "/next", { body: BODY })).body,
    "new POST /next",
  );
});

Deno.test("a body that is longer than the cap where a rule needs it is refused with 413", async () => {
  await using stage = await stageOf([
    { match: "/free", destination: "new" },
    BODY_ROUTE,
  ], { http: { body_extract_cap: 1000 } });
  const body = BODY.padEnd(1001, " ");
  const refused = await stage.ask("POST", "/", { body });
  assert.equal(refused.status, 413);
  assert.equal(refused.fields.one("connection"), "close");

  using chunked = await stage.client();
  await chunked.send("POST / HTTP/1.1\r\nHost: a\r\n");
  await chunked.send("Transfer-Encoding: chunked\r\n\r\n");
  await chunked.send(chunkOf(body) + "0\r\n\r\n");
  assert.equal((await chunked.response()).status, 413);
  assert.equal(await chunked.rest(), "");

  // No more than its head is needed to refuse it.
  using announced = await stage.client();
  await announced.send("POST / HTTP/1.1\r\nHost: a\r\n");
  await announced.send("Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
  const { status, interim } = await announced.response();
  assert.deepEqual([status, interim], [413, []]);

  assert.equal(stage.old.requests.length, 0);
  assert.equal(stage.new_.requests.length, 0);
  const most = { body: body.slice(0, 1000) };
  assert.equal(await server(stage, "/", most, "POST"), "new");
  assert.equal(await server(stage, "/free", { body }, "POST"), "new");
});

Deno.test("a pattern that other engines would be busy with for hours takes no time", async () => {
  await using stage = await stageOf([{
    match: "/**",
    extract: { from: "body", regex: "(a+)+b" },
    fallback: "new",
  }]);
  const body = "a".repeat(20_000);
  assert.equal(await server(stage, "/", { body }, "POST"), "new");
});
