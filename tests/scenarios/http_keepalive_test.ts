/** Connections that carry several requests: on the client's side, and towards the backend. */
import assert from "node:assert/strict";
import { request } from "../support/http_client.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import { pause, until, within } from "../support/wait.ts";

const CAROL = "carol@example.com";

Deno.test("requests that resolve alike share one connection to the backend", async () => {
  await using stage = await HttpStage.create({
    tls: true,
    mappings: { [ALICE]: "old", [BOB]: "new", [CAROL]: "old" },
  });
  using client = await stage.secureClient(["http/1.1"]);
  for (const as of [ALICE, CAROL, ALICE]) {
    for (const method of ["GET", "POST", "PUT", "DELETE", "PROPFIND"]) {
      const body = method === "GET" ? {} : { body: `${method} ${as}` };
      const answer = await client.ask(method, "/x", { as, ...body });
      assert.equal(answer.body, `old ${method} /x`);
      assert.equal(answer.fields.one("connection"), undefined);
    }
  }
  assert.equal(stage.old.connections.length, 1);
  assert.equal(stage.old.requests.length, 15);
});

Deno.test("each client has a connection to the backend of its own", async () => {
  await using stage = await HttpStage.create();
  using first = await stage.client();
  using second = await stage.client();
  for (const client of [first, second, first]) {
    assert.equal((await client.ask("GET", "/", { as: ALICE })).status, 200);
  }
  assert.equal(stage.old.connections.length, 2);
});

Deno.test("pipelined requests are answered in their order, over one connection", async () => {
  await using stage = await HttpStage.create();
  const all = Array.from(
    { length: 20 },
    (_, i) =>
      request(i % 2 === 0 ? "GET" : "POST", `/${i}`, {
        as: ALICE,
        ...(i % 2 === 1 && { body: `body of ${i}` }),
      }),
  );
  using client = await stage.client();
  await client.send(all.join(""));
  using slow = await stage.client();
  const [sent] = await Promise.all([
    slow.sendSlowly(all.join("")),
    (async () => {
      for (const one of [client, slow]) {
        for (let i = 0; i < all.length; i++) {
          const method = i % 2 === 0 ? "GET" : "POST";
          const { body } = await one.response(method);
          assert.equal(body, `old ${method} /${i}`);
        }
      }
    })(),
  ]);
  await sent;
  assert.equal(stage.old.connections.length, 2);
  for (const { requests } of stage.old.connections) {
    assert.deepEqual(
      requests.map(({ target, body }) => [target, body]),
      all.map((_, i) => [`/${i}`, i % 2 === 0 ? "" : `body of ${i}`]),
    );
  }
});

Deno.test("empty lines in front of a request are passed over", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  await client.send("\r\n" + request("GET", "/1") + "\r\n\r\n");
  assert.equal((await client.response()).body, "old GET /1");
  assert.equal((await client.ask("GET", "/2")).body, "old GET /2");
});

Deno.test("a request for another destination gets 421, and the connection is closed", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  assert.equal((await client.ask("GET", "/", { as: ALICE })).status, 200);
  // With a body and one more request behind: neither may reach anybody.
  const body = "of bob";
  await client.send(request("POST", "/moved", { as: BOB, body }));
  await client.send(request("GET", "/behind", { as: ALICE }));
  const moved = await client.response("POST");
  assert.equal(moved.status, 421);
  assert.equal(moved.fields.one("connection"), "close");
  assert.equal(await client.rest(), "");
  assert.equal(stage.old.requests.length, 1);
  assert.equal(stage.new_.connections.length, 0);
  await until("no connection to the backend", () => stage.old.open === 0);
  assert.equal((await stage.ask("GET", "/", { as: BOB })).body, "new GET /");
});

Deno.test("a connection takes max_keepalive_requests, and its last answer says that it ends", async () => {
  await using stage = await HttpStage.create({
    config: { http: { max_keepalive_requests: 3 } },
  });
  using client = await stage.client();
  await client.send(request("GET", "/").repeat(5));
  for (const connection of [undefined, undefined, "close"]) {
    const { fields, status } = await client.response();
    assert.equal(status, 200);
    assert.equal(fields.one("connection"), connection);
  }
  assert.equal(await client.rest(), "");
  assert.equal(stage.old.requests.length, 3);
});

Deno.test("a client that asks for it, or half-closes, is answered and then closed", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  const fields = { Connection: "Close" };
  await client.send(request("GET", "/1", { fields }) + request("GET", "/2"));
  const { body, fields: given } = await client.response();
  assert.equal(body, "old GET /1");
  assert.equal(given.one("connection"), "close");
  assert.equal(await client.rest(), "");
  assert.deepEqual(stage.old.requests.map(({ target }) => target), ["/1"]);

  using half = await stage.client();
  await half.send(request("GET", "/3") + request("GET", "/4"));
  await half.closeWrite();
  assert.equal((await half.response()).body, "old GET /3");
  assert.equal((await half.response()).body, "old GET /4");
  assert.equal(await half.rest(), "");
});

Deno.test("an idle connection is closed after keepalive_timeout without a word", async () => {
  await using stage = await HttpStage.create({
    config: { http: { keepalive_timeout: "300ms" } },
  });
  using client = await stage.client();
  assert.equal((await client.ask("GET", "/", { as: ALICE })).status, 200);
  assert.equal(await client.rest(), "");
  await until("no connection to the backend", () => stage.old.open === 0);
  await stage.proxy.ended(client.localPort);
});

Deno.test("a head that does not come within preauth_timeout gets 408, also one that drips", async () => {
  await using stage = await HttpStage.create({
    config: {
      listener: { http: { preauth_timeout: "1500ms" } },
      http: { keepalive_timeout: "60s" },
    },
  });
  const silent = await stage.client();
  assert.match(await silent.rest(), /^(HTTP\/1\.1 408 [^]*)?$/);
  silent.close();

  using stopped = await stage.client();
  await stopped.send("GET / HTTP/1.1\r\nHost: a\r\n");
  const late = await stopped.response();
  assert.equal(late.status, 408);
  assert.equal(late.fields.one("connection"), "close");
  assert.equal(await stopped.rest(), "");

  using second = await stage.client();
  assert.equal((await second.ask("GET", "/")).status, 200);
  await second.send("GET / HTTP/1.1\r\nHost");
  assert.equal((await second.response()).status, 408);

  using dripping = await stage.client();
  await dripping.send("GET / HTTP/1.1\r\n");
  let answered = false;
  const answer = dripping.response().finally(() => answered = true);
  for (let i = 0; !answered; i++) {
    await dripping.send(`X-${i}: a\r\n`).catch(() => {});
    await pause(20);
  }
  assert.equal((await answer).status, 408);
  assert.equal(stage.old.requests.length, 1);
});

Deno.test("a body that stops in the middle ends after relay_idle, and never counts as whole", async () => {
  await using stage = await HttpStage.create({
    config: { http: { relay_idle: "400ms" } },
  });
  let asked = 0;
  for (
    const start of [
      "Content-Length: 100\r\n\r\nsome",
      "Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
    ]
  ) {
    using client = await stage.client();
    await client.send(`POST /slow HTTP/1.1\r\nHost: a\r\n${start}`);
    asked++;
    const said = await client.rest();
    assert.match(said, /^(HTTP\/1\.1 408 [^]*)?$/);
    await until("the request", () => stage.old.requests.length === asked);
    await until("an end at the backend", () => stage.old.open === 0);
    assert.equal(stage.old.last.body, undefined);
  }
});

Deno.test("a backend that closes an idle connection is asked over another one", async () => {
  await using stage = await HttpStage.create();
  using client = await stage.client();
  for (const [round, method] of ["GET", "POST", "PATCH"].entries()) {
    const body = method === "GET" ? {} : { body: "a body" };
    const { status } = await client.ask(method, "/", { as: ALICE, ...body });
    assert.equal(status, 200);
    assert.equal(stage.old.connections.length, round + 1);
    stage.old.closeAll();
    await until("a closed connection", () => stage.old.open === 0);
  }
});

Deno.test("a request that is lost on a reused connection is sent again only if that is harmless", async () => {
  await using stage = await HttpStage.create();
  // Each connection answers once; the next request on it is read and never answered.
  stage.old.answer = async (talk) => {
    const seen = stage.old.connections[talk.connection]!;
    if (seen.requests.length > 1) return talk.close();
    await talk.body();
    await talk.reply(200, { body: `${talk.connection}` });
  };
  using client = await stage.client();
  assert.equal((await client.ask("GET", "/1")).body, "0");
  assert.equal((await client.ask("GET", "/2")).body, "1");
  const lost = await client.ask("POST", "/3", { body: "once" });
  assert.equal(lost.status, 502);
  const targets = stage.old.requests.map(({ target }) => target);
  assert.deepEqual(targets, ["/1", "/2", "/2", "/3"]);
});

Deno.test("a backend that says that it closes is not asked again over that connection", async () => {
  await using stage = await HttpStage.create();
  stage.old.answer = async (talk) => {
    const fields = { Connection: "close" };
    await talk.reply(200, { fields, body: `${talk.connection}` });
    await talk.hang();
  };
  using client = await stage.client();
  assert.equal((await client.ask("GET", "/")).body, "0");
  assert.equal((await client.ask("GET", "/")).body, "1");
  assert.equal((await client.ask("GET", "/")).body, "2");
});

Deno.test("responses that end with the connection, and those of HTTP/1.0, arrive whole", async () => {
  await using stage = await HttpStage.create();
  const text = "until the end ".repeat(1000);
  for (
    const head of [
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.0 200 OK\r\n\r\n",
      `HTTP/1.0 200 OK\r\nContent-Length: ${text.length}\r\n\r\n`,
      `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: ${text.length}\r\n\r\n`,
    ]
  ) {
    stage.old.answer = async (talk) => {
      await talk.send(head + text);
      talk.close();
    };
    using client = await stage.client();
    const { body, status } = await client.ask("GET", "/");
    assert.equal(status, 200);
    assert.equal(body === text, true, head);
  }
});

Deno.test("a response that ends with its connection leaves that of the client open, and a cut shows", async () => {
  await using stage = await HttpStage.create({ tls: true });
  const answers = ["whole", "cut"].map((what) => ({
    what,
    end: Promise.withResolvers<void>(),
  }));
  stage.old.answer = async (talk) => {
    const { what, end } = answers[talk.connection]!;
    await talk.send(`HTTP/1.1 200 OK\r\n\r\n${what}`);
    await end.promise;
    talk.close();
  };
  using client = await stage.secureClient();
  const [whole, cut] = answers;
  await client.send(request("GET", "/1"));
  assert.equal((await client.head()).fields.one("connection"), undefined);
  assert.equal(await client.chunk(), "whole");
  whole!.end.resolve();
  assert.equal(await client.chunk(), null);
  await client.trailers();

  await client.send(request("GET", "/2"));
  await client.head();
  assert.equal(await client.chunk(), "cut");
  // The connection goes without a word from TLS.
  stage.old.closeAll();
  assert.equal(await client.rest(), "");
  cut!.end.resolve();
  const { reason } = await stage.proxy.ended(client.localPort);
  assert.equal(reason, "backend-closed");
});

Deno.test("a client that leaves while the backend is silent is noticed", async () => {
  await using stage = await HttpStage.create();
  const { promise, resolve } = Promise.withResolvers<void>();
  stage.old.answer = async (talk) => {
    resolve();
    await talk.hang();
  };
  const client = await stage.client();
  await client.send(request("GET", "/"));
  await within("the request's arrival", promise);
  client.close();
  await until("no connection to the backend", () => stage.old.open === 0);
  await stage.proxy.ended(client.localPort);
});
