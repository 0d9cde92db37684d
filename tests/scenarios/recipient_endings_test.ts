/** How messages that are routed by recipient end when somebody leaves, stalls or stops. */
import assert from "node:assert/strict";
import { Ground } from "../support/proxy_config.ts";
import { Backend, Stage, STALLING } from "../support/recipient_stage.ts";
import { until } from "../support/wait.ts";

Deno.test("a backend gets nothing behind what a client sent that left in the middle of its message", async () => {
  await using stage = await Stage.create("smtp");
  const { old, proxy } = stage;
  using client = await stage.client();
  await client.envelope("old");
  await client.say("DATA");
  await client.send("half\r\n.\r");
  await until("the data", () => old.commands.at(-1)?.at(-1) === "half");
  client.close();
  await proxy.ended(client);
  await until("the backend's end", () => old.open === 0);
  assert.deepEqual(old.commands.at(-1)!.slice(-2), ["DATA", "half"]);
});

Deno.test("a message for others outlives the kick of an account that was refused", async () => {
  await using stage = await Stage.create("lmtp");
  const { old, proxy } = stage;
  old.change = (line) =>
    line === "RCPT TO:<none@example.com>"
      ? "550 5.1.1 no such user"
      : undefined;
  using client = await stage.client();
  await client.envelope("old", "none", "old+box", "none+box");
  assert.equal(await proxy.kick("none@example.com"), 1);
  assert.match(await client.line(), /^421 4\.3\.0 /);
  using next = await stage.client();
  await next.envelope("old", "none");
  assert.equal(await proxy.kick("none@example.com"), 0);
  const [session] = await proxy.sessions();
  assert.equal(session!["stage"], "bridge");
  assert.deepEqual(await next.message("x", 1), [
    "250 2.0.0 kept old@example.com",
  ]);
});

Deno.test("a message that is under way when the proxy stops is finished, and its session with it", async () => {
  await using stage = await Stage.create("lmtp", {
    server: { shutdown_grace: "10m" },
  });
  const { proxy, old } = stage;
  using client = await stage.client();
  await client.envelope("old");
  await client.say("DATA");
  proxy.signal("SIGTERM");
  await proxy.event("stopping");
  await client.send("x\r\n.\r\n");
  assert.equal(await client.line(), "250 2.0.0 kept old@example.com");
  assert.match(await client.line(), /^421 4\.3\.2 /);
  assert.deepEqual(old.messages, ["x"]);
  assert.equal((await proxy.ended(client))["reason"], "drained");
  assert.equal((await proxy.exited).code, 0);
});

Deno.test("a backend that stops reading over TLS that is not verified costs its own recipients alone", async () => {
  await using ground = await Ground.create();
  await using stuck = new Backend(ground, "lmtp", { implicit: true });
  await using stage = await Stage.create("lmtp", {
    ...STALLING,
    destination: {
      new: {
        tls_server_name: "localhost",
        tls_allow_invalid_certs: true,
        protocol: { lmtp: { tls: "implicit" } },
      },
    },
  }, { new: stuck.port });
  stuck.change = (line) => line.startsWith("data") ? "stop" : undefined;
  using client = await stage.client();
  await client.envelope("new", "old");
  await client.say("DATA");
  const megabyte = `${"x".repeat(64 * 1024 - 2)}\r\n`.repeat(16);
  for (let i = 0; i < 40; i++) await client.send(megabyte);
  await client.send(".\r\n");
  assert.match(await client.line(), /^451 4\.3\.0 /);
  assert.equal(await client.line(), "250 2.0.0 kept old@example.com");
});
