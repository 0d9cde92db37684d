import assert from "node:assert/strict";
import { parseRedisUrl, RedisUrlFault } from "./redis_url.ts";

const one = { tls: false, database: 0, isCluster: false };

Deno.test("parseRedisUrl reads one server", () => {
  const local = [{ host: "127.0.0.1", port: 6379 }];
  assert.deepEqual(parseRedisUrl("redis://127.0.0.1"), {
    ...one,
    hosts: local,
  });
  assert.deepEqual(parseRedisUrl("redis://127.0.0.1/"), {
    ...one,
    hosts: local,
  });
  assert.deepEqual(parseRedisUrl("redis://127.0.0.1:6379/3"), {
    ...one,
    hosts: local,
    database: 3,
  });
  assert.deepEqual(parseRedisUrl("rediss://u:p%40%2F%25:x@db.example:6380/0"), {
    ...one,
    tls: true,
    hosts: [{ host: "db.example", port: 6380 }],
    username: "u",
    password: "p@/%:x",
  });
  assert.deepEqual(parseRedisUrl("redis://:secret@[::1]:7000"), {
    ...one,
    hosts: [{ host: "::1", port: 7000 }],
    password: "secret",
  });
  // An @ is common in passwords, and only the last one can be meant.
  assert.equal(parseRedisUrl("redis://:a@b@host").password, "a@b");
});

Deno.test("parseRedisUrl reads Sentinels and clusters", () => {
  assert.deepEqual(
    parseRedisUrl(
      "redis+sentinel://:p@one,two:5000/mymaster/2?sentinel_password=s%26",
    ),
    {
      ...one,
      hosts: [{ host: "one", port: 26379 }, { host: "two", port: 5000 }],
      database: 2,
      password: "p",
      sentinel: { master: "mymaster", password: "s&" },
    },
  );
  assert.deepEqual(parseRedisUrl("rediss+cluster://one,two:7001"), {
    hosts: [{ host: "one", port: 6379 }, { host: "two", port: 7001 }],
    tls: true,
    database: 0,
    isCluster: true,
  });
});

Deno.test("parseRedisUrl refuses what cannot be meant, and shows none of it", () => {
  const wrong = {
    "redis://:hunter2#x@host": /%23/,
    "redis://:hunter2@": /not an address/,
    "redis://:hunter2@host:0": /host:port/,
    "redis://:hunter2@host:65536": /host:port/,
    "redis://:hunter2@::1": /host:port/,
    "redis://:hunter2@one,two": /several hosts/,
    "redis://:hunter2@host/two": /number of a database/,
    "redis://:hunter2@host/1/2": /number of a database/,
    "redis://:hunter2@host?insecure=1": /parameter/,
    "redis://hunter2@host": /user without a password/,
    "redis://:hunter2%@host": /%/,
    "redis+sentinel://:hunter2@one": /master/,
    "redis+cluster://:hunter2@one/1": /only one/,
  };
  for (const [url, message] of Object.entries(wrong)) {
    assert.throws(() => parseRedisUrl(url), (error) => {
      assert.ok(error instanceof RedisUrlFault, url);
      assert.match(error.message, message);
      return !error.message.includes("hunter2");
    });
  }
});
