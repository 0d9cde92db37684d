/** The management API as an operator uses it: with curl. */
import assert from "node:assert/strict";
import type { Mailferry } from "../support/mailferry.ts";
import { TOKEN } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB, login, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** One request; `token` null sends none. */
async function curl(
  proxy: Mailferry,
  method: string,
  path: string,
  token: string | null = TOKEN,
  ...more: string[]
): Promise<Answer> {
  const { stdout, code } = await new Deno.Command("curl", {
    args: [
      ...["-s", "-i", "--http1.1", "-X", method],
      ...["--cacert", proxy.ground.authority.file],
      ...(token === null ? [] : ["-H", `Authorization: Bearer ${token}`]),
      ...more,
      proxy.adminUrl + path,
    ],
    stdin: "null",
  }).output();
  if (code !== 0) throw new Error(`curl ended with ${code}`);
  const text = new TextDecoder().decode(stdout);
  const end = text.indexOf("\r\n\r\n");
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]),
    headers: text.slice(0, end).toLowerCase(),
    body: text.slice(end + 4),
  };
}

needs(["curl"], "every route gives what the documentation shows", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  const ask = async (method: string, path: string) => {
    const { status, body } = await curl(proxy, method, path);
    return [status, body];
  };
  const json = async (path: string) => {
    const [status, body] = await ask("GET", path);
    assert.equal(status, 200, String(body));
    return JSON.parse(String(body));
  };
  const ok = [200, "ok\n"];
  assert.deepEqual(await ask("GET", "/healthz"), ok);
  assert.deepEqual(await ask("GET", "/readyz"), ok);

  assert.deepEqual(await json(`/mappings?identifier=${BOB}`), {
    identifier: BOB,
    normalized: BOB,
    destination: "new",
    routed_to_default: false,
    cached: false,
  });
  assert.equal((await json(`/mappings?identifier=${BOB}`)).cached, true);
  const unknown = await json("/mappings?identifier=who+ever@example.com");
  assert.equal(unknown.identifier, "who+ever@example.com");
  assert.equal(unknown.routed_to_default, true);

  const carol = "carol+x@example.com";
  const put = `/mappings?identifier=${carol}&destination=new`;
  assert.deepEqual(await ask("PUT", put), ok);
  assert.match(
    await Deno.readTextFile(proxy.mappingFile),
    /^alice@example\.com\told\nbob@example\.com\tnew\ncarol\+x@example\.com\tnew\n$/,
  );
  assert.equal(
    (await json(`/mappings?identifier=${carol}`)).destination,
    "new",
  );
  const del = `/mappings?identifier=${carol}`;
  assert.deepEqual(await ask("DELETE", del), [200, "removed\n"]);
  assert.deepEqual(await ask("DELETE", del), [200, "absent\n"]);
  assert.deepEqual(await ask("POST", "/mappings/reload"), [200, "reloaded\n"]);
  assert.deepEqual(await ask("POST", "/cache/invalidate"), ok);
  assert.deepEqual(
    await ask("POST", `/cache/invalidate?identifier=${BOB}`),
    ok,
  );
  assert.equal((await json(`/mappings?identifier=${BOB}`)).cached, false);

  using client = await stage.loggedIn(BOB);
  const stats = await json("/stats");
  assert.deepEqual(Object.keys(stats).sort(), [
    "active_connections",
    "cache_entries",
    "cache_hits",
    "cache_misses",
    "hit_rate_pct",
  ]);
  assert.equal(stats.active_connections, 1);
  const { sessions } = await json("/sessions");
  assert.equal(sessions.length, 1);
  assert.equal(sessions[0].identifier, BOB);
  assert.equal(sessions[0].destination, "new");
  assert.equal(sessions[0].stage, "bridge");
  assert.equal(sessions[0].client, `127.0.0.1:${client.localPort}`);
  for (
    const [filter, count] of [
      ["identifier=bob@example.com", 1],
      ["identifier=alice@example.com", 0],
      ["destination=new&listener=imaps&client=127.0.0.1", 1],
      ["destination=old", 0],
      ["listener=imap", 0],
      ["client=127.0.0.2", 0],
    ] as const
  ) {
    const found = (await json(`/sessions?${filter}`)).sessions;
    assert.equal(found.length, count, filter);
  }
  assert.deepEqual(
    await ask("POST", `/connections/kick?identifier=${BOB}`),
    [200, "kicked 1\n"],
  );
  await client.rest();
  assert.deepEqual(
    await ask("POST", `/connections/kick?identifier=${BOB}`),
    [200, "kicked 0\n"],
  );
  assert.deepEqual(
    await ask("POST", `/connections/delay?identifier=${BOB}&seconds=0`),
    ok,
  );
  const { destinations } = await json("/destinations");
  assert.deepEqual(
    destinations.map((d: { destination: string }) => d.destination).sort(),
    ["new", "old"],
  );
  assert.deepEqual(
    await ask("POST", "/destinations/reset?destination=new"),
    ok,
  );
  assert.equal(
    JSON.parse(String((await ask("POST", "/config/reload"))[1])).reloaded,
    true,
  );
  const document = await json("/openapi.json");
  for (const path of ["/stats", "/mappings", "/connections/kick"]) {
    assert.ok(document.paths[path], path);
  }
});

needs(
  ["curl"],
  "what is wrong with a request is answered in one line",
  async () => {
    await using stage = await Stage.create();
    const { proxy } = stage;
    const wrong: [string, string, number, string | null][] = [
      ["GET", "/mappings", 400, "identifier required\n"],
      ["GET", "/mappings?identifier=two%20words", 400, null],
      ["PUT", "/mappings", 400, "identifier and destination required\n"],
      [
        "PUT",
        "/mappings?identifier=x@y",
        400,
        "identifier and destination required\n",
      ],
      [
        "PUT",
        "/mappings?identifier=x@y&destination=z",
        400,
        "unknown destination\n",
      ],
      ["PUT", "/mappings?identifier=%23x&destination=new", 400, null],
      ["DELETE", "/mappings", 400, "identifier required\n"],
      [
        "POST",
        "/destinations/reset?destination=z",
        404,
        "unknown destination\n",
      ],
      ["POST", "/connections/kick", 400, "identifier required\n"],
      ["POST", "/connections/delay", 400, "identifier and seconds required\n"],
      [
        "POST",
        "/connections/delay?identifier=x&seconds=-1",
        400,
        "invalid seconds\n",
      ],
      [
        "POST",
        "/connections/delay?identifier=x&seconds=1.5",
        400,
        "invalid seconds\n",
      ],
      ["GET", "/nowhere", 404, "not found\n"],
      ["POST", "/stats", 405, "method not allowed\n"],
      ["GET", "/connections/kick", 405, "method not allowed\n"],
    ];
    for (const [method, path, status, body] of wrong) {
      const answer = await curl(proxy, method, path);
      assert.equal(answer.status, status, `${method} ${path}`);
      if (body !== null) assert.equal(answer.body, body, `${method} ${path}`);
      assert.match(answer.body, /^[^\n]+\n$/, `${method} ${path}`);
    }
    const allow = await curl(proxy, "POST", "/mappings");
    assert.match(allow.headers, /^allow: .*get.*put.*delete|^allow: .*/m);
    assert.equal((await curl(proxy, "GET", "/stats/")).status, 200);
  },
);

needs(
  ["curl"],
  "the token is asked for before the path, and guessing locks the address out",
  async () => {
    await using stage = await Stage.create({
      config: { admin: { lockout_threshold: 4, lockout_duration: "5s" } },
    });
    const { proxy } = stage;
    for (
      const [path, token] of [["/nowhere", null], ["/stats", "wrong"]] as const
    ) {
      const { status, body } = await curl(proxy, "GET", path, token);
      assert.deepEqual([status, body], [401, "unauthorized\n"]);
    }
    await until("the lockout", async () => {
      const { status } = await curl(proxy, "GET", "/stats", "wrong");
      return status === 429;
    });
    const locked = await curl(proxy, "GET", "/stats");
    assert.equal(locked.status, 429);
    assert.match(locked.headers, /^retry-after: \d+/m);
    for (const path of ["/healthz", "/readyz"]) {
      assert.equal((await curl(proxy, "GET", path, null)).status, 200);
    }
    await until("the lockout's end", async () => {
      const { status } = await curl(proxy, "GET", "/stats");
      return status === 200;
    });
  },
);

needs(
  ["curl"],
  "PROXY_ADMIN_TOKEN wins over the file, and connections are kept alive",
  async () => {
    const other = "another-token-of-the-tests-that-is-long-enough";
    await using stage = await Stage.create({
      environment: { PROXY_ADMIN_TOKEN: other },
    });
    const { proxy } = stage;
    assert.equal((await curl(proxy, "GET", "/stats")).status, 401);
    assert.equal((await curl(proxy, "GET", "/stats", other)).status, 200);
    const { stdout } = await new Deno.Command("curl", {
      args: [
        ...["-s", "--cacert", proxy.ground.authority.file],
        ...["-w", "%{num_connects} ", "-o", "/dev/null", "-o", "/dev/null"],
        `${proxy.adminUrl}/healthz`,
        `${proxy.adminUrl}/healthz`,
      ],
    }).output();
    assert.equal(new TextDecoder().decode(stdout).trim(), "1 0");
  },
);

Deno.test("kick ends master-user sessions by the mailbox's owner, in any spelling that routes alike", async () => {
  await using stage = await Stage.create({
    config: { mapping: { normalize: "lowercase" } },
  });
  using client = await stage.client();
  await client.transact(login(`${BOB}%admin`));
  assert.equal(await stage.proxy.kick(BOB.toUpperCase()), 1);
  await client.rest();
  assert.equal(await stage.proxy.kick(ALICE), 0);
});

Deno.test("a reload takes a token that has changed in its file", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, TOKEN);
    await using stage = await Stage.create({
      config: { admin: { bearer_token: undefined, bearer_token_file: file } },
    });
    await Deno.writeTextFile(file, `another-${TOKEN}`);
    const { note } = JSON.parse(
      await stage.proxy.ask("POST", "/config/reload"),
    );
    assert.equal(note, "everything is in force");
    assert.equal((await stage.proxy.admin("GET", "/stats")).status, 401);
    const token = `another-${TOKEN}`;
    const answer = await stage.proxy.admin("GET", "/stats", { token });
    assert.equal(answer.status, 200);
  } finally {
    await Deno.remove(file);
  }
});
