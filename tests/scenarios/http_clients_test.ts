/** wrk, h2load and nghttp before a real web server, and curl that wants HTTP/2. */
import assert from "node:assert/strict";
import { webStage } from "../support/http_real_stage.ts";
import { outcome } from "../support/program.ts";
import { needs } from "../support/requirements.ts";

/** The request, eight times at once. */
const PIPELINED = `
init = function()
  local all = {}
  for i = 1, 8 do all[i] = wrk.format() end
  together = table.concat(all)
end
request = function() return together end
`;

/** Its connections wait as long as they have to: the machine may be busy. */
async function wrk(url: string, ...args: string[]): Promise<void> {
  const { code, text } = await outcome("wrk", [
    ...["-t", "1", "-c", "16", "-d", "2s", "--timeout", "60s"],
    ...[...args, url],
  ]);
  assert.equal(code, 0, text);
  assert.match(text, /[1-9]\d* requests in/);
  assert.doesNotMatch(text, /Non-2xx|Socket errors/);
}

needs(["nginx", "wrk"], "wrk sees no error", async () => {
  await using s = await webStage();
  await s.old.publish("a.txt", "the letter a");
  await wrk(`${s.url()}/a.txt`);
});

needs(["nginx", "wrk"], "wrk sees no error where it pipelines", async () => {
  await using s = await webStage();
  await s.old.publish("a.txt", "the letter a");
  const script = `${s.ground.folder}/pipelined.lua`;
  await Deno.writeTextFile(script, PIPELINED);
  await wrk(`${s.url()}/a.txt`, "-s", script);
});

needs(
  ["nginx", "wrk"],
  "wrk sees no error where the server ends each connection after its third request",
  async () => {
    await using s = await webStage();
    await s.old.publish("third/a.txt", "the letter a");
    await wrk(`${s.url()}/third/a.txt`);
    const most = Math.max(...s.old.served().map(({ nth }) => nth));
    assert.equal(most, 3);
  },
);

needs(
  ["nginx", "curl", "h2load", "nghttp"],
  "clients that offer HTTP/2 are told by ALPN to speak HTTP/1.1, and those that speak nothing else go away",
  async () => {
    await using s = await webStage();
    await s.old.publish("a.txt", "the letter a");
    const url = `${s.url()}/a.txt`;
    const said = await s.curl("-v", "--http2", url, "-w", " %{http_version}");
    assert.ok(said.includes("ALPN: offers h2,http/1.1"), said);
    assert.ok(said.includes("ALPN: server accepted http/1.1"), said);
    assert.ok(said.includes("the letter a 1.1"), said);

    const load = await outcome("h2load", ["-n", "40", "-c", "4", url]);
    assert.match(load.text, /Application protocol: http\/1\.1/);
    assert.match(load.text, /40 succeeded, 0 failed, 0 errored, 0 timeout/);
    assert.match(load.text, /status codes: 40 2xx/);

    const only = await outcome("nghttp", ["-n", url]);
    assert.match(only.text, /total=1, processed=0/);
    assert.equal(await s.curl(url), "the letter a");
  },
);

needs(
  ["nginx", "curl"],
  "an upgrade to HTTP/2 in clear is passed over, and HTTP/2 without asking refused",
  async () => {
    await using s = await webStage();
    await s.old.publish("a.txt", "the letter a");
    const url = `${s.url("http")}/a.txt`;
    const said = await s.curl("-v", "--http2", url, "-w", " %{http_version}");
    assert.ok(said.includes("> Upgrade: h2c"), said);
    assert.ok(said.includes("the letter a 1.1"), said);
    const bold = ["--noproxy", "*", "--http2-prior-knowledge", url];
    const { code } = await outcome("curl", ["-sS", "-m", "60", ...bold]);
    assert.ok([52, 56, 16].includes(code), String(code));
    assert.equal((await s.old.requests(1)).length, 1);
    assert.equal(await s.curl(url), "the letter a");
  },
);
