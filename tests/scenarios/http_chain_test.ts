/** HAProxy in front of HTTP, with a PROXY header and as a proxy of HTTP itself. */
import assert from "node:assert/strict";
import { Haproxy } from "../support/haproxy.ts";
import { webStage } from "../support/http_real_stage.ts";
import { PASSWORD } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB } from "../support/stage.ts";

const PROGRAMS = ["nginx", "haproxy", "curl"];
/** Where clients come from, another address of this host than the proxies'. */
const CLIENT = "127.0.0.9";

needs(
  PROGRAMS,
  "HAProxy names its client by a PROXY header, and the server behind learns the name",
  async () => {
    await using s = await webStage({
      listener: {
        https: { proxy_protocol: "required", proxy_trusted: ["127.0.0.0/8"] },
      },
    });
    await s.old.publish("a.txt", "the letter a");
    await using haproxy = await Haproxy.start(s.ground.folder, [
      {
        port: s.proxy.listener("https").port,
        options: "send-proxy-v2 check check-send-proxy",
      },
    ]);
    const url = `https://127.0.0.1:${haproxy.ports[0]}/a.txt`;
    const said = await s.curl("-v", "--http2", "--interface", CLIENT, url, url);
    assert.ok(said.includes("ALPN: server accepted http/1.1"), said);
    assert.ok(said.startsWith("the letter athe letter a"), said);
    assert.deepEqual(
      (await s.old.requests(2)).map((
        { client, forwarded, xForwardedFor, nth },
      ) => [
        ...[client, forwarded, xForwardedFor, nth],
      ]),
      [1, 2].map((nth) => [CLIENT, `for=${CLIENT}`, CLIENT, nth]),
    );
  },
);

needs(
  PROGRAMS,
  "behind an HAProxy that is trusted addresses add up, and its clients reach their servers where it shares no connections",
  async () => {
    await using s = await webStage({
      listener: { http: { forwarded: "trust" } },
    });
    await s.old.publish("mine/a.txt", "old");
    await s.new_.publish("mine/a.txt", "new");
    await using haproxy = await Haproxy.start(s.ground.folder, [
      {
        port: s.proxy.listener("http").port,
        options: "",
        lines: ["mode http", "option forwardfor", "http-reuse never"],
      },
    ]);
    const url = `http://127.0.0.1:${haproxy.ports[0]}/mine/a.txt`;
    for (let round = 0; round < 3; round++) {
      for (const [account, name] of [[ALICE, "old"], [BOB, "new"]] as const) {
        const said = await s.curl(
          ...["--interface", CLIENT, "-u", `${account}:${PASSWORD}`],
          ...[url, url],
        );
        assert.equal(said, name + name);
      }
    }
    for (const server of [s.old, s.new_]) {
      const seen = await server.requests(6);
      assert.equal(seen.length, 6);
      for (const { client, xForwardedFor } of seen) {
        assert.equal(client, "127.0.0.1");
        assert.equal(xForwardedFor, `${CLIENT}, 127.0.0.1`);
      }
    }
  },
);
