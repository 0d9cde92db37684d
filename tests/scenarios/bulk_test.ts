/** All mappings into the store and out of it, over the built file. */
import assert from "node:assert/strict";
import { destination, TOKEN } from "../support/proxy_config.ts";
import { BOB, Stage } from "../support/stage.ts";
import { pause, until } from "../support/wait.ts";

interface Report {
  readonly result: string;
  readonly problem: string | null;
  readonly lines: number;
  readonly accounts: number;
  readonly repeated: number;
  readonly written: number;
  readonly bad_lines: number;
  readonly errors: readonly { line: number; reason: string }[];
}

async function importRows(
  { proxy }: Stage,
  query: string,
  body: BodyInit,
  type = "application/octet-stream",
): Promise<Report & { status: number }> {
  const { status, body: text } = await proxy.admin(
    "POST",
    `/mappings/import${query}`,
    { body, headers: { "content-type": type } },
  );
  assert.equal(text.startsWith("{"), true, `${status} ${text}`);
  return { status, ...JSON.parse(text) };
}

/** `count` times what `piece` gives. */
function streamOf(count: number, piece: () => Uint8Array<ArrayBuffer>) {
  let left = count;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(piece());
      else controller.close();
    },
  });
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("what was exported in any format can be imported, and is routed by at once", async () => {
  const mappings = Object.fromEntries(
    Array.from(
      { length: 2500 },
      (_, i) => [`user${i}@example.com`, i % 5 === 0 ? "new" : "old"],
    ),
  );
  await using stage = await Stage.create({ mappings });
  const { proxy } = stage;
  const wanted = (await Deno.readTextFile(proxy.mappingFile)).trim().split("\n")
    .sort();
  const tsv = await proxy.admin("GET", "/mappings/export?format=tsv");
  assert.deepEqual(tsv.body.trim().split("\n").sort(), wanted);
  assert.equal(tsv.headers.get("x-total-count"), "2500");
  const some = await proxy.ask("GET", "/mappings/export?destination=new");
  assert.equal(some.match(/"destination":"new"/g)!.length, 500);
  assert.equal((await proxy.admin("GET", "/mappings")).status, 400);

  // A route that is known must not be used afterwards.
  (await stage.loggedIn("user1@example.com")).close();
  for (
    const [format, type] of [
      ["csv", "text/csv"],
      ["ndjson", "application/x-ndjson"],
      ["tsv", "text/tab-separated-values"],
    ] as const
  ) {
    const exported = await proxy.ask(
      "GET",
      `/mappings/export?format=${format}`,
    );
    const to = format === "ndjson" ? "old" : "new";
    // A byte order mark and CRLF, as a spreadsheet leaves them.
    const other = "\uFEFF" + exported.replaceAll(/\b(old|new)\b/g, to)
      .replaceAll("\n", "\r\n");
    const report = await importRows(stage, "", other, type);
    assert.deepEqual(
      [report.status, report.result, report.accounts, report.bad_lines],
      [200, "imported", 2500, 0],
      JSON.stringify(report),
    );
    using client = await stage.loggedIn("user1@example.com");
    assert.equal((await client.transact("NOOP")).text, `NOOP ${to}`);
  }
  const text = await Deno.readTextFile(proxy.mappingFile);
  assert.equal(text.match(/\tnew\n/g)!.length, 2500);
});

Deno.test("bad lines are named with their numbers; nothing, or what is good, is written", async () => {
  await using stage = await Stage.create();
  const { mappingFile } = stage.proxy;
  const before = await Deno.readTextFile(mappingFile);
  const rows = [
    "identifier\tdestination",
    "ann\tnew",
    "#hash\tnew",
    "two words\tnew",
    "carl\tnowhere",
    `${"x".repeat(9000)}\tnew`,
    "dora\tnew\textra",
    `${"y".repeat(321)}\tnew`,
    'quo"te\tnew',
    "\u00ff\0\tnew",
    "",
    "ann\told",
    "o'brien;--@example.com\tnew",
  ].join("\n");
  for (const query of ["", "&dry_run=true"]) {
    const refused = await importRows(stage, `?format=tsv${query}`, rows);
    assert.equal(refused.status, 422);
    assert.equal(refused.result, "refused");
    assert.deepEqual(refused.errors.map(({ line }) => line), [
      ...[3, 4, 5, 6, 7, 8, 9, 10],
    ]);
    assert.equal(await Deno.readTextFile(mappingFile), before);
  }
  const dry = "?format=tsv&mode=best-effort&dry_run=true";
  assert.equal((await importRows(stage, dry, rows)).result, "checked");
  assert.equal(await Deno.readTextFile(mappingFile), before);
  const some = await importRows(stage, "?format=tsv&mode=best-effort", rows);
  assert.deepEqual(
    [some.status, some.lines, some.accounts, some.repeated, some.bad_lines],
    [200, 11, 2, 1, 8],
  );
  assert.equal(
    await Deno.readTextFile(mappingFile),
    `${before}ann\told\no'brien;--@example.com\tnew\n`.split("\n")
      .filter(Boolean).sort().map((line) => `${line}\n`).join(""),
  );
});

Deno.test("garbage of a gigabyte is refused in bounded memory while logins go on", async () => {
  await using stage = await Stage.create();
  const noise = new Uint8Array(1 << 20);
  for (let i = 0; i < noise.length; i += 65_536) {
    crypto.getRandomValues(noise.subarray(i, i + 65_536));
  }
  let isDone = false;
  let logins = 0;
  const clients = (async () => {
    while (!isDone) {
      (await stage.loggedIn(BOB)).close();
      logins++;
      // An import comes behind logins that follow each other at once, and would last.
      await pause(50);
    }
  })();
  const before = stage.proxy.memory();
  let most = 0;
  const body = streamOf(1024, () => {
    most = Math.max(most, stage.proxy.memory());
    return noise;
  });
  const report = await importRows(stage, "?format=ndjson", body);
  isDone = true;
  await clients;
  assert.equal(report.status, 422);
  assert.equal(report.errors.length, 100);
  assert.ok(report.bad_lines > 1_000_000, String(report.bad_lines));
  assert.ok(logins > 0);
  assert.ok(most - before < 200 * 1024, `${most - before} KiB more`);
  // A line without an end is nothing but a line.
  const endless = streamOf(100, () => bytes("x".repeat(1 << 20)));
  const one = await importRows(stage, "?format=csv", endless);
  assert.deepEqual(one.errors, [{
    line: 1,
    reason: "line longer than 8192 characters",
  }]);
});

Deno.test("a client that leaves in the middle of an import leaves nothing behind where it is all or nothing", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  const before = await Deno.readTextFile(proxy.mappingFile);
  const { port } = new URL(proxy.adminUrl);
  const client = await Deno.connectTls({
    hostname: "127.0.0.1",
    port: Number(port),
    caCerts: [proxy.ca],
  });
  const rows = "ann\tnew\n".repeat(5000);
  const head = [
    "POST /mappings/import?format=tsv HTTP/1.1",
    "host: localhost",
    `authorization: Bearer ${TOKEN}`,
    `content-length: ${rows.length * 2}`,
  ].join("\r\n");
  await client.write(bytes(`${head}\r\n\r\n${rows}`));
  // While one is under way there is no other.
  await until("an import under way", async () => {
    const other = await proxy.admin("POST", "/mappings/import?format=tsv", {
      body: "",
    });
    return other.status === 409;
  });
  client.close();
  await until("the end of the import", async () => {
    const { status } = await importRows(
      stage,
      "?format=tsv&dry_run=true",
      "ann\tnew\n",
    ).catch(() => ({ status: 409 }));
    return status === 200;
  });
  assert.equal(await Deno.readTextFile(proxy.mappingFile), before);
});

/** An import by best effort that has read its first row and waits for the last. */
async function halfAnImport(stage: Stage, first: string, last: string) {
  const isRead = Promise.withResolvers<void>();
  const isToEnd = Promise.withResolvers<void>();
  // More than fits between the client and the import: one line that is too long.
  const pieces = [
    first,
    ...Array.from({ length: 32 }, () => "x".repeat(1 << 20)),
  ];
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const piece = pieces.shift();
      if (piece !== undefined) return controller.enqueue(bytes(piece));
      isRead.resolve();
      await isToEnd.promise;
      controller.enqueue(bytes(`\n${last}`));
      controller.close();
    },
  });
  const report = importRows(stage, "?format=tsv&mode=best-effort", body);
  await Promise.race([isRead.promise, report]);
  return {
    end() {
      isToEnd.resolve();
      return report;
    },
  };
}

Deno.test("an import does not write a destination that is taken away in the middle", async () => {
  await using stage = await Stage.create({
    config: { destination: { spare: destination(1, "plain") } },
  });
  const { proxy } = stage;
  const before = await Deno.readTextFile(proxy.mappingFile);
  const half = await halfAnImport(stage, "ann\tspare\n", "zoe\tnew\n");
  await proxy.ask("DELETE", "/config/destination/spare");
  const { status, problem, written } = await half.end();
  assert.deepEqual([status, written], [500, 0]);
  assert.match(problem!, /destination "spare" is not declared/);
  assert.equal(await Deno.readTextFile(proxy.mappingFile), before);
  // The next one can have the file.
  const next = await importRows(stage, "?format=tsv", "zoe\tnew\n");
  assert.equal(next.status, 200, next.problem ?? "");
  await proxy.ask("POST", "/mappings/reload");
});

Deno.test("an import ends where the configuration has another mapping store in the middle", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  const before = await Deno.readTextFile(proxy.mappingFile);
  const half = await halfAnImport(stage, "ann\tnew\n", "zoe\tnew\n");
  const path = `${proxy.ground.folder}/other`;
  await Deno.writeTextFile(path, "bob@example.com\told\n");
  const old = proxy.mappingFile;
  await proxy.reconfigure({ mapping: { file: { path } } });
  await proxy.ask("POST", "/config/reload");
  const { status, problem } = await half.end();
  assert.equal(status, 500);
  assert.match(problem!, /the configuration has another mapping store now/);
  assert.equal(await Deno.readTextFile(old), before);
  const next = await importRows(stage, "?format=tsv", "zoe\tnew\n");
  assert.equal(next.status, 200, next.problem ?? "");
  assert.equal(
    await Deno.readTextFile(path),
    "bob@example.com\told\nzoe\tnew\n",
  );
});

Deno.test("ctl imports a file and standard output takes the export, both without a bar where there is no terminal", async () => {
  await using stage = await Stage.create({ mappings: {} });
  const { proxy } = stage;
  const ctl = (...args: string[]) => proxy.ctl(...args);
  const rows = Array.from({ length: 50_000 }, (_, i) => `user${i}\tnew\n`);
  const file = `${proxy.ground.folder}/rows.tsv`;
  await Deno.writeTextFile(file, rows.join(""));
  const done = await ctl("mappings", "import", file);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /^written: +50000$/m);
  assert.equal(done.stderr, "");
  const exported = await ctl("mappings", "export", "--format", "tsv");
  assert.equal(exported.stdout, rows.sort().join(""));
  assert.equal(exported.stderr, "");
  await Deno.writeTextFile(file, "user1\tnowhere\n");
  const refused = await ctl("mappings", "import", file);
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /^1 +unknown destination "nowhere"$/m);
  using client = await stage.loggedIn("user1");
  assert.equal((await client.transact("NOOP")).text, "NOOP new");
});
