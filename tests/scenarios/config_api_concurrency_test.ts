/** Clients that change the configuration at the same time. */
import assert from "node:assert/strict";
import { TOKEN } from "../support/proxy_config.ts";
import { ALICE, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const CLIENTS = 100;
const AT = "/config/listener/imap/max_connections";

Deno.test("100 clients that add one by GET, If-Match and PATCH lose no update", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  using session = await stage.loggedIn(ALICE);
  const put = await proxy.admin("POST", AT, { body: "1000" });
  assert.equal(put.status, 200, put.body);
  // Connections are kept, or most of the time would be theirs.
  using client = Deno.createHttpClient({ caCerts: [proxy.ca] });
  const ask = async (init: RequestInit) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${TOKEN}`);
    headers.set("content-type", "application/json");
    const url = proxy.adminUrl + AT;
    const response = await fetch(url, { ...init, headers, client });
    return { response, text: await response.text() };
  };
  let collisions = 0;
  const addOne = async () => {
    for (;;) {
      const { response, text } = await ask({});
      const answer = await ask({
        method: "PATCH",
        body: String(Number(text) + 1),
        headers: { "if-match": response.headers.get("etag")! },
      });
      if (answer.response.status === 200) return;
      assert.equal(answer.response.status, 412, answer.text);
      collisions++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, addOne));
  assert.equal(await proxy.ask("GET", AT), `${1000 + CLIENTS}\n`);
  assert.ok(collisions > 0);
  assert.equal((await session.transact("NOOP")).status, "OK");

  const audited = () =>
    proxy.log.filter(({ event, status }) =>
      event === "audit" && status === 200
    );
  // The log comes behind the answers.
  await until("all lines", () => audited().length >= 1 + CLIENTS);
  const audits = audited();
  assert.equal(audits.length, 1 + CLIENTS);
  const [, ...chain] = audits;
  for (const [i, entry] of chain.entries()) {
    assert.equal(entry["before"], audits[i]!["after"]);
    assert.equal(entry["path"], AT);
    assert.equal(entry["action"], "PATCH /config/{path...}");
  }
});

Deno.test("changes in different scopes do not collide", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  const scopes = ["listener/imap", "listener/imaps", "destination", "server"];
  const tags = await Promise.all(scopes.map(async (scope) => {
    const { headers } = await proxy.admin("GET", `/config/${scope}`);
    const tag = headers.get("etag")!;
    assert.match(tag, /^"/, "strong, however large the answer is");
    return { "if-match": tag };
  }));
  const changes = [
    ["listener/imap/max_connections", "7"],
    ["listener/imaps/max_connections", "8"],
    ["destination/new/hide_auth_errors", "true"],
    ["server/proxy_ttl", "9"],
  ] as const;
  const send = ([path, body]: typeof changes[number], i: number) =>
    proxy.admin("POST", `/config/${path}`, { body, headers: tags[i]! });
  const first = await Promise.all(changes.map(send));
  assert.deepEqual(first.map(({ status, body }) => status === 200 || body), [
    ...[true, true, true, true],
  ]);
  const second = await Promise.all(changes.map(send));
  assert.deepEqual(second.map(({ status }) => status), [412, 412, 412, 412]);
});
