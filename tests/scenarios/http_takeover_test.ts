/** A proxy that hands its ports to a new process while it serves HTTP. */
import assert from "node:assert/strict";
import { ordinary } from "../support/fake_http_backend.ts";
import { request } from "../support/http_client.ts";
import { ALICE, BOB, HttpStage } from "../support/http_stage.ts";
import type { Mailferry } from "../support/mailferry.ts";
import { Gate, until, within } from "../support/wait.ts";

Deno.test("takeovers under a load of requests fail none, and those kept alive move over", async () => {
  const folder = await Deno.makeTempDir();
  const socket = `${folder}/s`;
  await using stage = await HttpStage.create({
    config: {
      server: { log_level: "info", shutdown_grace: "10m" },
      runtime: {
        socket: [{ path: socket, level: "admin", expose_listeners: true }],
      },
    },
  });
  let gate = new Gate();
  stage.old.answer = async (talk) => {
    if (talk.request.target === "/slow") await gate.pass();
    await ordinary(talk);
  };
  const processes: Mailferry[] = [stage.proxy];
  let stopped = false;
  let served = 0;
  const load = Array.from({ length: 6 }, async (_, index) => {
    const as = index % 2 === 0 ? ALICE : BOB;
    while (!stopped) {
      using client = await stage.client();
      for (let i = 0; i < 30; i++) {
        const { status, fields } = await client.ask("GET", "/", { as });
        assert.equal(status, 200);
        served++;
        if (fields.one("connection") === "close") break;
      }
    }
  });
  try {
    for (let i = 0; i < 3; i++) {
      gate = new Gate();
      using kept = await stage.client();
      assert.equal((await kept.ask("GET", "/", { as: ALICE })).status, 200);
      using slow = await stage.client();
      await slow.send(request("GET", "/slow", { as: ALICE }));
      await within("its arrival", gate.reached);
      processes.push(await processes.at(-1)!.successor(socket));
      // The one before finishes what it has begun, and asks clients to come anew.
      await until("an answer that says so", async () => {
        const { status, fields } = await kept.ask("GET", "/", { as: ALICE });
        assert.equal(status, 200);
        return fields.one("connection") === "close";
      });
      gate.open();
      const last = await slow.response();
      assert.equal(last.body, "old GET /slow");
      assert.equal(last.fields.one("connection"), "close");
      kept.close();
      slow.close();
      const { code } = await within(
        "the end of the one before",
        processes.at(-2)!.exited,
      );
      assert.equal(code, 0);
    }
  } finally {
    stopped = true;
    gate.open();
    await Promise.allSettled(load);
    for (const each of processes.slice(1)) await each[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
  await Promise.all(load);
  assert.ok(served > 60, `${served} requests`);
});
