/** What the log says of requests, what it never says, and limits on clients that guess. */
import assert from "node:assert/strict";
import { bearer, request } from "../support/http_client.ts";
import { ALICE, BOB, HttpStage, PASSWORD } from "../support/http_stage.ts";
import type { Table } from "../support/proxy_config.ts";

Deno.test("each request has a line in the log where that is wanted, without what is secret", async () => {
  await using stage = await HttpStage.create({
    config: {
      http: { access_log: true },
      server: { log_level: "trace" },
    },
  });
  using client = await stage.client();
  const secret = "very-secret-query";
  const body = "a body";
  await client.ask("POST", `/jmap/api?key=${secret}`, { as: ALICE, body });
  await client.ask("GET", "/");
  const authorization = bearer({ email: BOB, note: "x" });
  using other = await stage.client();
  await other.ask("GET", "/%41?x", {
    fields: { Authorization: authorization, Cookie: "id=very-secret-cookie" },
  });
  using nowhere = await stage.client();
  await nowhere.ask("OPTIONS", "/", { as: BOB });
  await nowhere.ask("GET", "/", { as: ALICE });
  await stage.proxy.entry("the line of the last", (e) => e["status"] === 421);
  const lines = stage.proxy.log.filter((e) => e.event === "http_request");
  assert.deepEqual(
    lines.map((e) => [e["method"], e["path"], e["status"], e["destination"]]),
    [
      ["POST", "/jmap/api", 200, "old"],
      ["GET", "/", 200, "old"],
      ["GET", "/%41", 200, "new"],
      ["OPTIONS", "/", 200, "new"],
      ["GET", "/", 421, lines[4]?.["destination"]],
    ],
  );
  const [first, second] = lines;
  assert.equal(first!["listener"], "http");
  assert.match(String(first!["client"]), /^127\.0\.0\.1\b/);
  assert.ok(Number(first!["bytes_in"]) >= body.length);
  assert.ok(Number(first!["bytes_out"]) > 0);
  assert.ok(Number(first!["duration_ms"]) >= 0);
  assert.equal(first!["session"], second!["session"]);
  assert.match(JSON.stringify(first), /"al[^a-z]/);
  const log = JSON.stringify(stage.proxy.log);
  const pair = btoa(`${ALICE}:${PASSWORD}`);
  const [, token] = authorization.split(" ");
  for (
    const hidden of [ALICE, BOB, PASSWORD, pair, token!, token!.split(".")[1]!]
  ) {
    assert.equal(log.includes(hidden), false, hidden);
  }
  assert.doesNotMatch(log, /very-secret/);
});

Deno.test("without being asked the log has no line for a request", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  await client.ask("GET", "/secret-path", { as: ALICE });
  client.close();
  await stage.proxy.ended(client.localPort);
  assert.equal(stage.proxy.count("http_request"), 0);
  assert.doesNotMatch(JSON.stringify(stage.proxy.log), /secret-path/);
});

Deno.test("what is malformed is not repeated in the log", async () => {
  await using stage = await HttpStage.create({
    config: { http: { access_log: true }, server: { log_level: "trace" } },
  });
  using client = await stage.client();
  await client.send(`GET /very-secret HTTP/9\r\nvery secret\r\n\r\n`);
  await client.rest();
  await stage.proxy.ended(client.localPort);
  assert.doesNotMatch(JSON.stringify(stage.proxy.log), /very.secret/);
});

/** A stage whose backends take no password but the right one. */
async function guarded(config: Table): Promise<HttpStage> {
  const stage = await HttpStage.create({ config });
  for (const backend of [stage.old, stage.new_]) {
    backend.answer = async (talk) => {
      const given = talk.request.fields.one("authorization") ?? "";
      const right = atob(given.split(" ")[1] ?? "").endsWith(`:${PASSWORD}`);
      await talk.reply(right ? 200 : 401, {
        body: `${right}`,
        fields: right ? {} : { "WWW-Authenticate": "Basic" },
      });
    };
  }
  return stage;
}

const guess = (user: string, password = "wrong") => ({
  fields: { Authorization: `Basic ${btoa(`${user}:${password}`)}` },
});

Deno.test("a connection ends with the last of the failed logins that it may have", async () => {
  await using stage = await guarded({
    listener: { http: { max_auth_attempts: 2 } },
  });
  using client = await stage.client();
  const first = await client.ask("GET", "/", guess(ALICE));
  assert.equal(first.status, 401);
  assert.equal(first.fields.one("www-authenticate"), "Basic");
  assert.equal(first.fields.one("connection"), undefined);
  assert.equal((await client.ask("GET", "/", { as: ALICE })).status, 200);
  await client.send(request("GET", "/", guess(ALICE)).repeat(2));
  const last = await client.response();
  assert.equal(last.status, 401);
  assert.equal(last.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
});

Deno.test("who is asked for a password comes again over a connection that may lead elsewhere", async () => {
  await using stage = await guarded({});
  using client = await stage.client();
  const asked = await client.ask("GET", "/");
  assert.equal(asked.status, 401);
  assert.equal(asked.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
  assert.equal((await stage.ask("GET", "/", { as: BOB })).status, 200);
  assert.equal(stage.new_.requests.length, 1);
});

Deno.test("an address that guessed too often is refused, with right passwords too", async () => {
  await using stage = await guarded({
    limits: { failures_per_address: 3, failure_delay: "0s" },
  });
  for (const user of ["x@example.com", ALICE, BOB]) {
    assert.equal((await stage.ask("GET", "/", guess(user))).status, 401);
  }
  const asked = stage.old.requests.length;
  const refused = await stage.ask("GET", "/", { as: ALICE });
  assert.equal(refused.status, 429);
  assert.match(refused.fields.one("retry-after") ?? "", /^\d+$/);
  assert.equal(refused.fields.one("connection"), "close");
  assert.equal(stage.old.requests.length, asked);
});

Deno.test("a 401 to nobody in particular is no failed login", async () => {
  await using stage = await guarded({
    limits: { failures_per_address: 1, failure_delay: "0s" },
  });
  for (let i = 0; i < 4; i++) {
    assert.equal((await stage.ask("GET", "/")).status, 401);
  }
  assert.equal((await stage.ask("GET", "/", { as: ALICE })).status, 200);
});
