/** What stands between a request and its backend: breakers, limits, holds, stores and time limits. */
import assert from "node:assert/strict";
import { ordinary } from "../support/fake_http_backend.ts";
import { type HttpClient, request } from "../support/http_client.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import { BAD_CHUNKS } from "../support/http_smuggling.ts";
import { ask } from "../support/runtime_client.ts";
import { Gate, pause, until, within } from "../support/wait.ts";

const asAlice = { as: ALICE };

const holds = async (stage: HttpStage) =>
  (await stage.proxy.sessions()).filter((one) => one["stage"] === "hold");

const delay = (stage: HttpStage, identifier: string, seconds: number) =>
  stage.proxy.ask(
    "POST",
    `/connections/delay?${new URLSearchParams({
      identifier,
      seconds: String(seconds),
    })}`,
  );

Deno.test("what clients do wrong does not take a backend down for others", async () => {
  await using stage = await HttpStage.create({
    config: {
      server: { host_down_threshold: 2, host_down_min_clients: 1 },
      http: { relay_idle: "1s" },
    },
  });
  const [bad] = BAD_CHUNKS;
  for (let i = 0; i < 4; i++) {
    using malformed = await stage.client();
    await malformed.send(bad!.text);
    assert.equal((await malformed.response()).status, 400);

    const leaving = await stage.client();
    await leaving.send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome",
    );
    const asked = stage.old.requests.length;
    await until("its arrival", () => stage.old.requests.length > asked - 1);
    leaving.close();

    using stopping = await stage.client();
    await stopping.send("POST / HTTP/1.1\r\nHost: a\r\n");
    await stopping.send("Content-Length: 100\r\n\r\nsome");
    assert.match(await stopping.rest(), /^(HTTP\/1\.1 408 [^]*)?$/);
  }
  // Neither does a request that takes the backend too long.
  stage.old.answer = (talk) => talk.hang();
  for (let i = 0; i < 3; i++) {
    assert.equal((await stage.ask("GET", "/")).status, 504);
  }
  stage.old.answer = ordinary;
  assert.equal((await stage.ask("GET", "/")).status, 200);
});

Deno.test("a backend may take longer for an answer than for a connection", async () => {
  await using stage = await HttpStage.create({
    tls: true,
    config: { server: { backend_timeout: "3s" } },
  });
  using gate = new Gate();
  stage.old.answer = async (talk) => {
    await gate.pass();
    await ordinary(talk);
  };
  using client = await stage.client();
  await client.send(request("GET", "/slow", asAlice));
  await within("the request's arrival", gate.reached);
  await pause(3500);
  gate.open();
  assert.equal((await client.response()).body, "old GET /slow");
});

Deno.test("a client that does not read its response is gone after relay_idle", async () => {
  await using stage = await HttpStage.create({
    config: { http: { relay_idle: "500ms" } },
  });
  stage.old.answer = async (talk) => {
    await talk.send("HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n");
    const piece = new Uint8Array(1_000_000);
    for (let i = 0; i < 500; i++) await talk.send(piece);
  };
  using client = await stage.client();
  await client.send(request("GET", "/"));
  await stage.proxy.ended(client.localPort);
  await until("an end at the backend", () => stage.old.open === 0);
});

Deno.test("a body that a rule waits for and that stops in the middle gets 408", async () => {
  await using stage = await HttpStage.create({
    config: { http: { relay_idle: "400ms" } },
    routes: [{ match: "/**", extract: { from: "body", regex: "user=(.*)" } }],
  });
  using client = await stage.client();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\n");
  await client.send("Content-Length: 100\r\n\r\nuser=bob");
  assert.equal((await client.response()).status, 408);
  assert.equal(await client.rest(), "");
  assert.equal(stage.new_.connections.length, 0);
});

Deno.test("a leg in maintenance gets nobody: 503, and those on it are ended", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/admin.sock`;
    await using stage = await HttpStage.create({
      config: { runtime: { socket: [{ path, level: "admin" }] } },
    });
    using client = await stage.client();
    assert.equal((await client.ask("GET", "/", { as: BOB })).status, 200);
    assert.equal(await ask(path, "set server new/http state drain\n"), "\n");
    const refused = await stage.ask("GET", "/", { as: BOB });
    assert.equal(refused.status, 503);
    assert.equal(refused.fields.one("connection"), "close");
    assert.equal((await stage.ask("GET", "/", asAlice)).status, 200);
    assert.equal(await ask(path, "disable server new/http\n"), "\n");
    assert.equal(await client.rest(), "");
    assert.equal(await ask(path, "enable server new/http\n"), "\n");
    assert.equal((await stage.ask("GET", "/", { as: BOB })).status, 200);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("one address, and one account, has so many connections", async () => {
  await using stage = await HttpStage.create({
    config: {
      limits: {
        connections_per_address: { http: 3 },
        connections_per_account: { http: 1 },
      },
    },
  });
  using first = await stage.client();
  assert.equal((await first.ask("GET", "/", asAlice)).status, 200);
  using second = await stage.client();
  const refused = await second.ask("GET", "/", asAlice);
  assert.equal(refused.status, 429);
  assert.match(refused.fields.one("retry-after") ?? "", /^\d+$/);
  assert.equal(await second.rest(), "");
  second.close();
  // The one that has it keeps it, also with more requests.
  assert.equal((await first.ask("GET", "/", asAlice)).status, 200);
  using third = await stage.client();
  assert.equal((await third.ask("GET", "/", { as: BOB })).status, 200);
  using fourth = await stage.client();
  assert.equal((await fourth.ask("GET", "/")).status, 200);
  using fifth = await stage.client();
  // Before its request has come, perhaps: it is for the connection.
  await fifth.send(request("GET", "/")).catch(() => {});
  assert.equal((await fifth.response()).status, 429);
  first.close();
  await stage.proxy.ended(first.localPort);
  assert.equal((await stage.ask("GET", "/", asAlice)).status, 200);
});

Deno.test("an account has so many requests that wait for a hold; who leaves makes room", async () => {
  await using stage = await HttpStage.create();
  await delay(stage, ALICE, 120);
  const waiting: HttpClient[] = [];
  try {
    for (let i = 0; i < 32; i++) {
      const client = await stage.client();
      waiting.push(client);
      await client.send(request("GET", `/${i}`, asAlice));
    }
    await until("32 that wait", async () => (await holds(stage)).length === 32);
    const refused = await stage.ask("GET", "/more", asAlice);
    assert.equal(refused.status, 503);
    for (const client of waiting.splice(0, 4)) client.close();
    await until("28 that wait", async () => (await holds(stage)).length === 28);
    await stage.proxy.move(ALICE, "new");
    await delay(stage, ALICE, 0);
    for (const client of waiting) {
      assert.match((await client.response()).body, /^new GET /);
    }
    assert.equal(stage.old.requests.length, 0);
  } finally {
    for (const client of waiting) client.close();
  }
});

Deno.test("a store that cannot answer refuses with 503 where that is wanted", async () => {
  await using stage = await HttpStage.create({
    config: {
      mapping: {
        source: "sql",
        on_store_failure: "refuse",
        sql: {
          url: "sqlite:///nowhere/at/all.db",
          query: "SELECT destination FROM routes WHERE identifier = ?",
        },
      },
    },
  });
  const refused = await stage.ask("GET", "/", asAlice);
  assert.equal(refused.status, 503);
  assert.match(refused.fields.one("retry-after") ?? "", /^\d+$/);
  assert.equal(stage.old.connections.length, 0);
  // Nobody has to be looked up for a request that names nobody.
  assert.equal((await stage.ask("GET", "/")).status, 200);
});

Deno.test("a response that begins while the proxy drains says that the connection ends", async () => {
  await using stage = await HttpStage.create();
  using gate = new Gate();
  const { proxy } = stage;
  stage.old.answer = async (talk) => {
    await gate.pass();
    await ordinary(talk);
  };
  using client = await stage.client();
  await client.send(request("GET", "/", asAlice));
  await within("the request's arrival", gate.reached);
  proxy.signal("SIGTERM");
  await until("a drain", async () => {
    const ready = await proxy.admin("GET", "/readyz", { token: null });
    return ready.status === 503;
  });
  gate.open();
  const { body, fields } = await client.response();
  assert.equal(body, "old GET /");
  assert.equal(fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
  client.close();
  assert.equal((await within("the end", proxy.exited)).code, 0);
});

Deno.test("requests are counted by the class of their answer", async () => {
  await using stage = await HttpStage.create();
  const count = async (by: string) => {
    const text = await stage.proxy.ask("GET", "/metrics");
    const line = new RegExp(
      `^mailferry_http_requests_total\\{class="${by}"\\} (\\d+)$`,
      "m",
    );
    return Number(line.exec(text)?.[1]);
  };
  using client = await stage.client();
  for (let i = 0; i < 3; i++) await client.ask("GET", "/", asAlice);
  await client.ask("GET", "/", { as: BOB });
  await until("three of 2xx", async () => await count("2xx") === 3);
  await until("one of 4xx", async () => await count("4xx") === 1);
});
