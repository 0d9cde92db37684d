import assert from "node:assert/strict";
import {
  DataPlane,
  leg,
  listener,
  snapshot,
} from "../../../tests/support/data_plane.ts";
import { freePorts } from "../../../tests/support/ports.ts";
import { Ground } from "../../../tests/support/proxy_config.ts";
import { Backend, Sender } from "../../../tests/support/recipient_stage.ts";
import { until } from "../../../tests/support/wait.ts";
import { libc } from "../../net/libc.ts";
import type { RouteAnswer } from "../../port/messages.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

/** A worker that routes by recipient, its one backend and a client that has said hello. */
async function withStage(
  run: (
    stage: { plane: DataPlane; backend: Backend; client: Sender },
  ) => Promise<void>,
): Promise<void> {
  await using ground = await Ground.create();
  await using backend = new Backend(ground, "lmtp");
  const [port] = freePorts(1);
  const mail = listener(port!, {
    name: "mail",
    protocol: "lmtp",
    tls: "plain",
    byRecipient: true,
  });
  const old = leg(backend.port, { protocol: "lmtp" });
  using plane = await DataPlane.start(
    1,
    snapshot([mail], [], [ground.certificate], {
      destinations: {
        old: { name: "old", legs: { lmtp: old } },
        bare: { name: "bare", legs: {} },
      },
      recipients: { delimiter: "", ehlo: [] },
    }),
  );
  using client = await Sender.plain({ port: port! });
  await client.hello("lmtp");
  await run({ plane, backend, client });
}

const route = (destination: string): RouteAnswer => ({
  destination,
  isDefault: false,
  ttl: 60_000,
});

Deno.test("recipients without a route or a leg are told to come back, and the log why", async () => {
  await withStage(async ({ plane, client }) => {
    plane.lookup = (identifier) =>
      identifier.startsWith("bare")
        ? route("bare")
        : { refused: "the store is down" } as never;
    const answers = await client.envelope("bare", "alice");
    for (const answer of answers) assert.match(answer, /^451 4\.3\.0 /);
    const told = await until("two lines", () => {
      const lines = plane.logs.filter((l) =>
        l.event === "delivery_unavailable"
      );
      return lines.length === 2 && lines.map(({ fields }) => fields["reason"]);
    });
    assert.deepEqual(told, [
      "destination bare has no leg for lmtp",
      "the store is down",
    ]);
  });
});

Deno.test("a hold that comes while a message is looked at for the last time counts", async () => {
  await withStage(async ({ plane, backend, client }) => {
    plane.lookup = () => route("old");
    await client.envelope("alice", "bob");
    await client.say("DATA");
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answer, resolve: go } = Promise.withResolvers<void>();
    plane.lookup = async (identifier) => {
      if (identifier.startsWith("bob")) {
        ask();
        await answer;
      }
      return route("old");
    };
    await plane.supervisor.ask("invalidate", { identifiers: null });
    await client.send("x\r\n.\r\n");
    await asked;
    await plane.supervisor.ask("hold", {
      identifiers: ["alice@example.com"],
      held: true,
    });
    go();
    assert.match((await client.lines(2)).join(), /^450 .*,450 /);
    assert.deepEqual(backend.messages, []);
  });
});
