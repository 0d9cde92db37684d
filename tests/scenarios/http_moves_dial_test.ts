/** Requests that are on their way to the old server when their account moves: they do not arrive. */
import assert from "node:assert/strict";
import { ordinary } from "../support/fake_http_backend.ts";
import { request } from "../support/http_client.ts";
import { ALICE, HttpStage } from "../support/http_stage.ts";
import { Gate, until, within } from "../support/wait.ts";

/** A port that accepts, and passes nothing on before the gate is open. */
class GatedPort implements AsyncDisposable {
  target = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;

  constructor(private readonly gate: Gate) {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    const all: Promise<unknown>[] = [];
    for await (const near of this.#listener) all.push(this.#pass(near));
    await Promise.all(all);
  }

  async #pass(near: Deno.TcpConn): Promise<void> {
    await this.gate.pass();
    const { target: port } = this;
    const far = await Deno.connect({ hostname: "127.0.0.1", port });
    // Either may be gone: each is closed with the other.
    await Promise.allSettled([
      near.readable.pipeTo(far.writable),
      far.readable.pipeTo(near.writable),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gate.open();
    this.#listener.close();
    await this.#accepting;
  }
}

for (const kicks of [true, false]) {
  const how = kicks ? "with" : "without";

  Deno.test(`a request whose connection is being made while its account moves, ${how} a kick`, async () => {
    using gate = new Gate();
    await using gated = new GatedPort(gate);
    await using stage = await HttpStage.create({
      tls: true,
      config: {
        destination: { old: { protocol: { http: { port: gated.port } } } },
      },
    });
    gated.target = stage.old.port;
    using client = await stage.client();
    await client.send(request("POST", "/late", { as: ALICE, body: "b" }));
    await within("the connection", gate.reached);
    await stage.proxy.move(ALICE, "new");
    if (kicks) assert.equal(await stage.proxy.kick(ALICE), 1);
    else gate.open();
    const answer = await client.response();
    assert.equal(answer.status, 421);
    assert.equal(await client.rest(), "");
    gate.open();
    await stage.proxy.empty();
    assert.equal(stage.old.requests.length, 0);
    const again = await stage.ask("GET", "/again", { as: ALICE });
    assert.equal(again.body, "new GET /again");
  });
}

Deno.test("a request that was lost at the old server is not sent there again after its account moved", async () => {
  await using stage = await HttpStage.create();
  using gate = new Gate();
  stage.old.answer = async (talk) => {
    if (talk.request.target !== "/lost") return await ordinary(talk);
    await gate.pass();
    talk.close();
  };
  using client = await stage.client();
  assert.equal((await client.ask("GET", "/", { as: ALICE })).status, 200);
  await client.send(request("GET", "/lost", { as: ALICE }));
  await within("its arrival", gate.reached);
  await stage.proxy.move(ALICE, "new");
  gate.open();
  assert.equal((await client.response()).status, 421);
  await until("no connection to the old server", () => stage.old.open === 0);
  assert.equal(stage.old.requests.length, 2);
});
