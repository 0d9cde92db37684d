/** curl before a real web server. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { webStage } from "../support/http_real_stage.ts";
import { PASSWORD } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB } from "../support/stage.ts";

needs(
  ["nginx", "curl"],
  "curl keeps its connection, and the proxy keeps the one to the server",
  async () => {
    await using s = await webStage();
    await s.old.publish("a.txt", "the letter a");
    await s.old.publish("empty.txt", "");
    const said = await s.curl(
      ...["-w", " %{http_version} %{http_code} %{num_connects}\n"],
      ...["a.txt", "empty.txt", "missing", "a.txt"].flatMap((name) => [
        ...[`${s.url()}/${name}`, "-o", name === "a.txt" ? "-" : "/dev/null"],
      ]),
    );
    assert.equal(
      said,
      "the letter a 1.1 200 1\n 1.1 200 0\n 1.1 404 0\nthe letter a 1.1 200 0\n",
    );
    assert.deepEqual(
      (await s.old.requests(4)).map((
        { target, version, nth },
      ) => [target, version, nth]),
      [
        ["/a.txt", "HTTP/1.1", 1],
        ["/empty.txt", "HTTP/1.1", 2],
        ["/missing", "HTTP/1.1", 3],
        ["/a.txt", "HTTP/1.1", 4],
      ],
    );
  },
);

needs(
  ["nginx", "curl"],
  "the server learns the client's address, and nothing that the client says of it",
  async () => {
    await using s = await webStage();
    await s.old.publish("a.txt", "the letter a");
    await s.curl(
      ...["-H", "X-Forwarded-For: 192.0.2.7", "-H", "Forwarded: for=192.0.2.8"],
      `${s.url()}/a.txt`,
    );
    const [served] = await s.old.requests(1);
    assert.deepEqual(
      [served!.client, served!.forwarded, served!.xForwardedFor],
      ["127.0.0.1", "for=127.0.0.1", "127.0.0.1"],
    );
  },
);

for (
  const [how, args, sign] of [
    ["with its length", ["-T", "FILE"], /> Content-Length: 3000017/],
    [
      "that waits for 100 Continue",
      ["-T", "FILE", "-H", "Expect: 100-continue"],
      /< HTTP\/1\.1 100 Continue/,
    ],
    ["in chunks", ["-T", "-"], /> Transfer-Encoding: chunked/],
  ] as const
) {
  needs(
    ["nginx", "curl"],
    `an upload ${how} arrives as it was sent, and so does the next on the connection`,
    async () => {
      await using s = await webStage();
      const sent = pattern(3_000_017);
      const file = `${s.ground.folder}/upload`;
      await Deno.writeFile(file, sent);
      const said = await s.curlWith(
        sent,
        ...["-v", ...args.map((word) => word === "FILE" ? file : word)],
        `${s.url()}/uploads/large`,
        ...["--next", "-v", "-T", file, `${s.url()}/uploads/again`],
      );
      assert.match(said, sign);
      assert.equal(said.match(/< HTTP\/1\.1 201 Created/g)?.length, 2, said);
      assert.ok(said.includes("Re-using existing connection"), said);
      for (const name of ["large", "again"]) {
        assert.ok(equal(await s.old.uploaded(name), sent), name);
      }
    },
  );
}

needs(
  ["nginx", "curl"],
  "HEAD, a range, a condition and a compressed answer are what the server makes of them",
  async () => {
    await using s = await webStage();
    await s.old.publish("a.txt", "the letter a");
    await s.old.publish("zipped/b.txt", "b".repeat(100_000));
    const form = "%{http_code} %{size_download} %{num_connects}\n";
    const ask = (...args: string[]) => [...args, "-o", "/dev/null", "-w", form];
    const said = await s.curl(
      ...ask("-I", `${s.url()}/a.txt`),
      ...["--next", ...ask("-r", "4-9", `${s.url()}/a.txt`)],
      ...["--next", ...ask("-z", "1 Jan 2035", `${s.url()}/a.txt`)],
      ...["--next", ...ask("-r", "90-", `${s.url()}/a.txt`)],
      ...["--next", ...ask("--compressed", `${s.url()}/zipped/b.txt`)],
    );
    const answers = said.trim().split("\n").map((line) => line.split(" "));
    assert.deepEqual(
      answers.map(([status]) => status),
      ["200", "206", "304", "416", "200"],
    );
    assert.deepEqual(
      answers.map(([, , connects]) => connects),
      ["1", "0", "0", "0", "0"],
    );
    assert.deepEqual(answers.slice(0, 3).map(([, size]) => size), [
      "0",
      "6",
      "0",
    ]);
    assert.ok(Number(answers[4]![1]) < 1000);
    const text = await s.curl("--compressed", `${s.url()}/zipped/b.txt`);
    assert.equal(text, "b".repeat(100_000));
  },
);

needs(
  ["nginx", "curl"],
  "eight large downloads at once are whole",
  async () => {
    await using s = await webStage();
    const large = pattern(8 * 1024 * 1024 + 3);
    await s.old.publish("large", large);
    const files = Array.from(
      { length: 8 },
      (_, i) => `${s.ground.folder}/down-${i}`,
    );
    await s.curl(
      ...["-Z", "--parallel-immediate"],
      ...files.flatMap((file) => [`${s.url()}/large`, "-o", file]),
    );
    for (const file of files) {
      assert.ok(equal(await Deno.readFile(file), large), file);
    }
  },
);

needs(
  ["nginx", "curl"],
  "requests of accounts on different servers over one connection: 421, and the next connection reaches the other",
  async () => {
    await using s = await webStage();
    await s.old.publish("mine/a.txt", "old");
    await s.new_.publish("mine/a.txt", "new");
    const ask = (account: string) => [
      ...["-u", `${account}:${PASSWORD}`, `${s.url()}/mine/a.txt`],
      ...["-w", " %{http_code} %{num_connects}\n"],
    ];
    const said = await s.curl(
      ...ask(ALICE),
      ...["--next", ...ask(BOB)],
      ...["--next", ...ask(BOB)],
      ...["--next", ...ask(BOB)],
    );
    assert.match(
      said,
      /^old 200 1\n[^]* 421 0\nnew 200 1\nnew 200 0\n$/,
    );
    assert.equal((await s.old.requests(1)).length, 1);
    assert.equal((await s.new_.requests(2)).length, 2);
  },
);

needs(
  ["nginx", "curl"],
  "a challenge of a certificate authority is fetched from the old server in clear",
  async () => {
    await using s = await webStage();
    const path = ".well-known/acme-challenge/0123-token_ABC";
    await s.old.publish(path, "0123-token_ABC.thumbprint");
    const said = await s.curl("-L", `${s.url("http")}/${path}`);
    assert.equal(said, "0123-token_ABC.thumbprint");
    const version = await s.curl(
      "--http1.0",
      `${s.url("http")}/${path}`,
      "-w",
      "%{http_code}",
      "-o",
      "/dev/null",
    );
    assert.equal(version, "505");
  },
);

needs(
  ["nginx", "curl"],
  "a server that ends idle connections costs a client nothing that keeps its own",
  async () => {
    await using s = await webStage();
    await s.old.publish("second/a.txt", "the letter a");
    // Files are not posted to: 405, but of the server's. A post is never sent twice.
    const statuses = { GET: 200, POST: 405 };
    await Promise.all(
      Object.entries(statuses).map(async ([method, status]) => {
        // A request every two seconds; the server waits for one.
        const said = await s.curl(
          ...["-X", method, "--rate", "30/m", "-o", "/dev/null"],
          ...[`${s.url()}/second/a.txt?[1-3]`],
          ...["-w", "%{http_code} %{num_connects}\n"],
        );
        assert.equal(said, `${status} 1\n${status} 0\n${status} 0\n`);
      }),
    );
    assert.equal((await s.old.requests(6)).length, 6);
  },
);

/** Content in which a piece that is lost or doubled shows. */
function pattern(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).map((_, i) => (i * 31) ^ (i >> 8) ^ (i >> 16));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
