/**
 * Kick, delay and moves on HTTP: a request of a moved account never comes out at the old server, whatever
 * its connection was doing when the mapping changed.
 */
import assert from "node:assert/strict";
import type { HttpTalk } from "../support/fake_http_backend.ts";
import { ordinary } from "../support/fake_http_backend.ts";
import { HttpClient, request } from "../support/http_client.ts";
import { chunkOf } from "../support/http_message.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import { Gate, pause, until, within } from "../support/wait.ts";

const asAlice = { as: ALICE };

/** A client whose last request was answered by the old server. */
async function keptAlive(stage: HttpStage): Promise<HttpClient> {
  const client = await stage.client();
  assert.equal((await client.ask("GET", "/", asAlice)).body, "old GET /");
  return client;
}

/** A new connection comes out at the new server. */
async function movedTo(stage: HttpStage, path = "/again"): Promise<void> {
  const { body } = await stage.ask("GET", path, asAlice);
  assert.equal(body, `new GET ${path}`);
}

async function delay(stage: HttpStage, seconds: number): Promise<void> {
  const query = new URLSearchParams({
    identifier: ALICE,
    seconds: String(seconds),
  });
  await stage.proxy.ask("POST", `/connections/delay?${query}`);
}

async function moveAccount(stage: HttpStage): Promise<number> {
  const { status, body } = await stage.proxy.admin("POST", "/accounts/move", {
    body: JSON.stringify({
      accounts: [{ identifier: ALICE }],
      destination: "new",
    }),
  });
  assert.equal(status, 200, body);
  return JSON.parse(body).accounts[0].kicked;
}

Deno.test("a kick closes a connection that waits for its next request", async () => {
  await using stage = await HttpStage.create();
  using client = await keptAlive(stage);
  await stage.proxy.move(ALICE, "new");
  assert.equal(await stage.proxy.kick(ALICE), 1);
  assert.equal(await client.rest(), "");
  assert.equal((await stage.proxy.ended(client.localPort)).reason, "kicked");
  await until("an end at the backend", () => stage.old.open === 0);
  await movedTo(stage);
});

Deno.test("without a kick the next request on a connection gets 421", async () => {
  await using stage = await HttpStage.create();
  using client = await keptAlive(stage);
  await stage.proxy.move(ALICE, "new");
  await client.send(request("GET", "/next", asAlice).repeat(2));
  const answer = await client.response();
  assert.equal(answer.status, 421);
  assert.equal(answer.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
  assert.equal(stage.old.requests.length, 1);
  await movedTo(stage);
});

Deno.test("an account that is moved in one call leaves by itself", async () => {
  await using stage = await HttpStage.create();
  using client = await keptAlive(stage);
  assert.equal(await moveAccount(stage), 1);
  assert.equal(await client.rest(), "");
  await movedTo(stage);
});

Deno.test("another account's kick does not touch a connection", async () => {
  await using stage = await HttpStage.create();
  using client = await keptAlive(stage);
  assert.equal(await stage.proxy.kick(BOB), 0);
  assert.equal((await client.ask("GET", "/2", asAlice)).body, "old GET /2");
});

Deno.test("a kick reaches a login for another's mailbox by its owner", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  await client.ask("GET", "/", { as: `${ALICE}%admin` });
  assert.equal(await stage.proxy.kick(ALICE), 1);
  assert.equal(await client.rest(), "");
});

Deno.test("a request that waits for its response when its account is kicked gets 421 or none", async () => {
  await using stage = await HttpStage.create();
  using gate = new Gate();
  stage.old.answer = async (talk) => {
    await gate.pass();
    await ordinary(talk);
  };
  using client = await stage.client();
  await client.send(request("GET", "/", asAlice) + request("GET", "/behind"));
  await within("the request's arrival", gate.reached);
  await stage.proxy.move(ALICE, "new");
  assert.equal(await stage.proxy.kick(ALICE), 1);
  gate.open();
  assert.match(await client.rest(), /^(HTTP\/1\.1 421 [^]*)?$/);
  await until("an end at the backend", () => stage.old.open === 0);
  assert.doesNotMatch(stage.old.octets, /behind/);
  await movedTo(stage);
});

Deno.test("a kick cuts off a body that is being sent", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  const fields = { "Content-Length": "100" };
  await client.send(`${request("PUT", "/", { ...asAlice, fields })}some`);
  await until("the request", () => stage.old.octets.endsWith("some"));
  await stage.proxy.move(ALICE, "new");
  assert.equal(await stage.proxy.kick(ALICE), 1);
  assert.match(await client.rest(), /^(HTTP\/1\.1 421 [^]*)?$/);
  await until("an end at the backend", () => stage.old.open === 0);
  assert.equal(stage.old.last.body, undefined);
});

const STREAMS: Readonly<
  Record<string, (talk: HttpTalk) => Promise<void>>
> = {
  async events(talk) {
    await talk.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
    await talk.send("Transfer-Encoding: chunked\r\n\r\n");
    await talk.send(chunkOf("data: 1\n\n"));
    await talk.hang();
  },
  async WebSocket(talk) {
    await talk.send("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n");
    await talk.send("Connection: Upgrade\r\n\r\n");
    await talk.hang();
  },
};

for (const [what, answer] of Object.entries(STREAMS)) {
  Deno.test(`a kick ends a stream of ${what}, on both sides`, async () => {
    await using stage = await HttpStage.create();
    stage.old.answer = answer;
    using client = await stage.client();
    const fields = what === "events" ? {} : {
      Connection: "Upgrade",
      Upgrade: "websocket",
    };
    await client.send(request("GET", "/", { ...asAlice, fields }));
    assert.match(`${(await client.head()).status}`, /^(200|101)$/);
    if (what === "events") assert.equal(await client.chunk(), "data: 1\n\n");
    const [session] = await stage.proxy.sessions();
    assert.equal(session!["identifier"], ALICE);
    assert.equal(session!["destination"], "old");
    await stage.proxy.move(ALICE, "new");
    assert.equal(await stage.proxy.kick(ALICE), 1);
    assert.equal(await client.rest(), "");
    await until("an end at the backend", () => stage.old.open === 0);
    await stage.proxy.empty();
  });
}

Deno.test("a request that is held goes where its account is when the hold ends", async () => {
  await using stage = await HttpStage.create();
  await delay(stage, 120);
  using client = await stage.client();
  await client.send(request("POST", "/held", { ...asAlice, body: "kept" }));
  await until("a session that is held", async () => {
    const [session] = await stage.proxy.sessions();
    return session?.["stage"] === "hold";
  });
  assert.equal((await stage.ask("GET", "/", { as: BOB })).body, "new GET /");
  await stage.proxy.move(ALICE, "new");
  await delay(stage, 0);
  assert.equal((await client.response("POST")).body, "new POST /held");
  assert.equal(stage.new_.last.body, "kept");
  assert.equal(stage.old.requests.length, 0);
});

Deno.test("a connection that is kept alive is held too, and a kick ends the wait", async () => {
  await using stage = await HttpStage.create();
  using client = await keptAlive(stage);
  using other = await keptAlive(stage);
  await delay(stage, 120);
  await client.send(request("GET", "/held", asAlice));
  await until(
    "a session that is held",
    async () =>
      (await stage.proxy.sessions()).some(({ stage }) => stage === "hold"),
  );
  await stage.proxy.move(ALICE, "new");
  assert.equal(await stage.proxy.kick(ALICE), 2);
  assert.match(await client.rest(), /^(HTTP\/1\.1 421 [^]*)?$/);
  assert.equal(await other.rest(), "");
  await delay(stage, 0);
  assert.equal(stage.old.requests.length, 2);
  await movedTo(stage);
});

Deno.test("a session shows whose it is and where its requests go", async () => {
  await using stage = await HttpStage.create();
  using client = await keptAlive(stage);
  using secure = await stage.secureClient();
  await secure.ask("GET", "/", { as: BOB });
  const query = new URLSearchParams({ identifier: ALICE });
  const { sessions } = JSON.parse(
    await stage.proxy.ask("GET", `/sessions?${query}`),
  );
  assert.equal(sessions.length, 1);
  const [session] = sessions;
  assert.equal(session.protocol, "http");
  assert.equal(session.listener, "http");
  assert.equal(session.identifier, ALICE);
  assert.equal(session.destination, "old");
  assert.equal(session.client, `127.0.0.1:${client.localPort}`);
  await stage.proxy.ask("DELETE", `/sessions/${session.id}`);
  assert.equal(await client.rest(), "");
  assert.equal((await secure.ask("GET", "/2", { as: BOB })).status, 200);
});

Deno.test("a session counts what passed, and its record says it", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  const sent = request("PUT", "/", { ...asAlice, body: "x".repeat(10_000) });
  await client.send(sent);
  await client.response();
  client.close();
  const record = await stage.proxy.ended(client.localPort);
  assert.ok(Number(record["bytes_in"]) >= 10_000, JSON.stringify(record));
  assert.ok(Number(record["bytes_out"]) > 0, JSON.stringify(record));
  assert.equal(record["destination"], "old");
  assert.equal(record["protocol"], "http");
  assert.doesNotMatch(JSON.stringify(record), /alice/);
});

for (const threads of [1, 2]) {
  Deno.test(`an account moved to and fro is always served where it is (threads = ${threads})`, async () => {
    await using stage = await HttpStage.create({
      config: { server: { threads, log_level: "info" } },
    });
    for (const backend of [stage.old, stage.new_]) {
      backend.answer = async (talk) => {
        await pause(Math.random() * 10);
        await ordinary(talk);
      };
    }
    /** Odd while a move is under way. */
    let epoch = 0;
    let at = "old";
    let answers = 0;
    let stopped = false;
    const wrong: string[] = [];
    const clients = Array.from({ length: 8 }, async (_, index) => {
      while (!stopped) {
        using client = await stage.client();
        for (let i = 0; i < 20 + index && !stopped; i++) {
          const begun = epoch;
          let answer;
          try {
            answer = await client.ask("GET", "/", asAlice);
          } catch {
            // Its connection was closed by a kick.
            break;
          }
          if (answer.status !== 200) {
            assert.equal(answer.status, 421);
            break;
          }
          answers++;
          const server = answer.fields.one("x-server");
          if (begun === epoch && epoch % 2 === 0 && server !== at) {
            wrong.push(`${server} instead of ${at}`);
          }
        }
      }
    });
    const moves = (async () => {
      for (let i = 0; i < 20; i++) {
        const seen = answers;
        await until("answers before a move", () => answers > seen + 20);
        const to = at === "old" ? "new" : "old";
        epoch++;
        await stage.proxy.move(ALICE, to);
        await stage.proxy.kick(ALICE);
        at = to;
        epoch++;
      }
    })().finally(() => stopped = true);
    for (const result of await Promise.allSettled([moves, ...clients])) {
      if (result.status === "rejected") throw result.reason;
    }
    assert.deepEqual(wrong, []);
    await stage.proxy.empty();
  });
}

Deno.test("SIGTERM lets a response finish, closes what waits, and ends with 0", async () => {
  await using stage = await HttpStage.create();
  using gate = new Gate();
  const { proxy } = stage;
  stage.old.answer = async (talk) => {
    if (talk.request.target !== "/slow") return await ordinary(talk);
    await talk.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
    await gate.pass();
    await talk.send("56789");
  };
  using idle = await keptAlive(stage);
  using busy = await stage.client();
  await busy.send(request("GET", "/slow", asAlice));
  assert.equal((await busy.head()).status, 200);
  assert.equal(await busy.text(5), "01234");
  proxy.signal("SIGTERM");
  assert.equal(await idle.rest(), "");
  gate.open();
  assert.equal(await busy.text(5), "56789");
  assert.equal(await busy.rest(), "");
  busy.close();
  assert.equal((await within("the end", proxy.exited)).code, 0);
});
