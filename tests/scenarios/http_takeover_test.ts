/** Another process takes over while HTTP clients keep their connections. */
import assert from "node:assert/strict";
import { HttpClient } from "../support/http_client.ts";
import { webStage } from "../support/http_real_stage.ts";
import { outcome } from "../support/program.ts";
import { needs } from "../support/requirements.ts";
import { until, within } from "../support/wait.ts";

/** A stage whose proxy can be taken over from, and the path of its runtime socket. */
async function stage() {
  const folder = await Deno.makeTempDir({ prefix: "mailferry-socket-" });
  const socket = `${folder}/s`;
  const s = await webStage({
    server: { shutdown_grace: "10m", state_dir: `${folder}/state` },
    runtime: {
      socket: [{ path: socket, level: "admin", expose_listeners: true }],
    },
  });
  await s.old.publish("a.txt", "the letter a");
  return {
    s,
    socket,
    async [Symbol.asyncDispose]() {
      await s[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

needs(
  ["nginx"],
  "a connection that is kept ends with a response of the process that was taken over from",
  async () => {
    await using all = await stage();
    const { proxy } = all.s;
    using client = await HttpClient.tls(proxy.listener("https"), proxy.ca);
    assert.equal((await client.ask("GET", "/a.txt")).status, 200);
    await using _next = await proxy.successor(all.socket);
    await until("the last response", async () => {
      const { status, fields } = await client.ask("GET", "/a.txt");
      assert.equal(status, 200);
      return fields.one("connection") === "close";
    });
    const { code } = await within("the end of the process", proxy.exited);
    assert.equal(code, 0);
    using anew = await HttpClient.tls(proxy.listener("https"), proxy.ca);
    assert.equal((await anew.ask("GET", "/a.txt")).status, 200);
  },
);

needs(
  ["nginx", "wrk"],
  "wrk sees no error while another process takes over",
  async () => {
    await using all = await stage();
    const { proxy } = all.s;
    const load = outcome("wrk", [
      ...["-t", "1", "-c", "16", "-d", "6s", "--timeout", "60s"],
      `${all.s.url()}/a.txt`,
    ]);
    await all.s.old.request("a request", () => true);
    await using next = await proxy.successor(all.socket);
    const { text } = await load;
    assert.match(text, /[1-9]\d* requests in/);
    assert.doesNotMatch(text, /Non-2xx|Socket errors/);
    await within("the end of the process", proxy.exited);
    await next.empty();
  },
);
