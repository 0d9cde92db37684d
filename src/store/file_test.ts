import assert from "node:assert/strict";
import {
  mappingStoreConformance,
  type StoreUnderTest,
} from "../../tests/conformance/mapping_store.ts";
import { FileStore, type FileStoreOptions } from "./file.ts";

class Fixture implements StoreUnderTest {
  readonly warnings: string[] = [];
  store!: FileStore;
  private constructor(readonly folder: string, readonly path: string) {}

  static async start(
    content: string | Uint8Array = "",
    options: Partial<FileStoreOptions> = {},
  ): Promise<Fixture> {
    const folder = await Deno.makeTempDir();
    const fixture = new Fixture(folder, `${folder}/mappings`);
    await fixture.write(content);
    try {
      fixture.store = await fixture.open(options);
    } catch (error) {
      await fixture[Symbol.asyncDispose]();
      throw error;
    }
    return fixture;
  }

  open(options: Partial<FileStoreOptions> = {}): Promise<FileStore> {
    return FileStore.open({
      path: this.path,
      normalize: (identifier) => identifier,
      checkDestination: (name) =>
        ["old", "new"].includes(name) ? null : `${name}: not declared`,
      warn: (message) => this.warnings.push(message),
      ...options,
    });
  }

  reopen(): Promise<FileStore> {
    return this.open();
  }

  write(content: string | Uint8Array): Promise<void> {
    return typeof content === "string"
      ? Deno.writeTextFile(this.path, content)
      : Deno.writeFile(this.path, content);
  }

  read(): Promise<string> {
    return Deno.readTextFile(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

mappingStoreConformance("FileStore", () => Fixture.start());

Deno.test("FileStore reads comments, CRLF, a byte order mark and any white space", async () => {
  await using t = await Fixture.start(
    "\uFEFF# mappings\r\n\r\nalice@example.com\told\r\n  bob@example.com   new  \n" +
      "carol@example.com old # moves in May\n \t \n#x y\ndave@example.com\u00a0new",
  );
  const { mappings } = await t.store.list(null, 10);
  assert.deepEqual(mappings.map((m) => `${m.identifier}=${m.destination}`), [
    "alice@example.com=old",
    "bob@example.com=new",
    "carol@example.com=old",
    "dave@example.com=new",
  ]);
});

Deno.test("FileStore.open names every bad line", async () => {
  await assert.rejects(
    Fixture.start(
      new TextEncoder().encode(
        `a old\nb\n# c\nc old new\nd gone\ne old\nf\0 old\n${
          "g".repeat(9000)
        } old\n`,
      ),
    ),
    (error: { code: string; problems: string[] }) => {
      assert.equal(error.code, "bad-data");
      assert.deepEqual(
        error.problems.map((p) => p.replace(/^.*mappings:/, "")),
        [
          "2: no destination behind the identifier",
          "4: more than an identifier and a destination",
          "5: gone: not declared",
          "7: a NUL byte",
          "8: line longer than 8192 characters",
        ],
      );
      return true;
    },
  );
});

Deno.test("FileStore.open bounds what it says and keeps of garbage", async () => {
  const garbage = new Uint8Array(3_000_000).fill(0xff);
  garbage.fill(10, 2_000_000);
  garbage.fill(0x78, 2_500_000);
  await assert.rejects(
    Fixture.start(garbage),
    (error: { problems: string[] }) => {
      assert.ok(error.problems.length <= 21);
      assert.match(error.problems[0] ?? "", /:1: line longer than/);
      return true;
    },
  );
  await assert.rejects(
    Fixture.start(new Uint8Array([0x61, 0xff, 0x20, 0x6f, 0x6c, 0x64])),
    /:1: not valid UTF-8/,
  );
});

Deno.test("FileStore.open fails without a file", async () => {
  await using t = await Fixture.start();
  await assert.rejects(t.open({ path: `${t.folder}/none` }), {
    name: "StoreError",
    code: "unavailable",
  });
});

Deno.test("FileStore normalizes what it reads and warns of contradictions", async () => {
  await using t = await Fixture.start(
    "Alice@Example.com old\nalice@example.com new\n",
    { normalize: (i) => i.toLowerCase() },
  );
  assert.equal(await t.store.get("alice@example.com"), "new");
  assert.equal(t.warnings.length, 1);
  assert.match(t.warnings[0] ?? "", /first: line 2/);
});

Deno.test("FileStore.set rewrites the file sorted, tab-separated, with its mode", async () => {
  await using t = await Fixture.start("# note\nzoe  old\nbob new\n");
  await Deno.chmod(t.path, 0o640);
  await t.store.set("mia", "new");
  assert.equal(await t.read(), "bob\tnew\nmia\tnew\nzoe\told\n");
  assert.equal((await Deno.stat(t.path)).mode! & 0o777, 0o640);
  await Promise.all([t.store.delete("bob"), t.store.set("ann", "old")]);
  assert.equal(await t.read(), "ann\told\nmia\tnew\nzoe\told\n");
  const names = [...Deno.readDirSync(t.folder)].map((entry) => entry.name);
  assert.deepEqual(names, ["mappings"]);
});

Deno.test("FileStore.set keeps a symbolic link", async () => {
  await using t = await Fixture.start("a old\n");
  await Deno.mkdir(`${t.folder}/real`);
  await Deno.rename(t.path, `${t.folder}/real/file`);
  await Deno.symlink(`${t.folder}/real/file`, t.path);
  const store = await t.open();
  await store.set("b", "new");
  assert.ok((await Deno.lstat(t.path)).isSymlink);
  assert.equal(
    await Deno.readTextFile(`${t.folder}/real/file`),
    "a\told\nb\tnew\n",
  );
});

Deno.test("FileStore refuses identifiers that the file could not give back", async () => {
  await using t = await Fixture.start("a old\n");
  for (
    const identifier of ["#a", "a b", "a\tb", "a\n", "a\u2028b", "\uD800", ""]
  ) {
    assert.notEqual(t.store.unstorable(identifier), null);
    await assert.rejects(t.store.set(identifier, "old"), {
      code: "unstorable",
    });
  }
  await assert.rejects(t.store.set("b", "o ld"), { code: "unstorable" });
  assert.equal(await t.read(), "a old\n");
});

Deno.test("FileStore.set that fails changes nothing", async () => {
  await using t = await Fixture.start("a old\n");
  // A folder in the place of the temporary file makes the write fail, for root as well.
  await Deno.mkdir(`${t.folder}/.mappings.mailferry-new/x`, {
    recursive: true,
  });
  const both = await Promise.allSettled([
    t.store.set("a", "new"),
    t.store.delete("a"),
  ]);
  for (const result of both) {
    assert.equal(result.status, "rejected");
    assert.equal(
      (result as PromiseRejectedResult).reason.code,
      "write-failed",
    );
  }
  assert.equal(await t.store.get("a"), "old");
  assert.equal(await t.read(), "a old\n");
  await Deno.remove(`${t.folder}/.mappings.mailferry-new`, {
    recursive: true,
  });
  await t.store.set("a", "new");
  assert.equal(await t.read(), "a\tnew\n");
});

Deno.test("FileStore.set on a full disk says so and loses nothing", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using t = await Fixture.start("a old\n");
  // Writing to /dev/full fails as a full disk does.
  const open = Deno.open;
  Deno.open = (path, options) =>
    options?.createNew ? open("/dev/full", { write: true }) : open(path);
  try {
    await assert.rejects(t.store.set("b", "new"), (error: Error) => {
      assert.match(error.message, /^cannot write .*: No space left/);
      return true;
    });
  } finally {
    Deno.open = open;
  }
  assert.equal(await t.store.get("b"), null);
  assert.equal(await t.read(), "a old\n");
});

Deno.test("FileStore never overwrites what somebody else wrote", async () => {
  await using t = await Fixture.start("a old\n");
  await t.write("a old\nb old\n");
  await assert.rejects(t.store.set("c", "new"), { code: "conflict" });
  assert.equal(await t.read(), "a old\nb old\n");
  await t.store.reload();
  await t.store.set("c", "new");
  assert.equal(await t.read(), "a\told\nb\told\nc\tnew\n");
  await Deno.remove(t.path);
  await assert.rejects(t.store.delete("a"), { code: "conflict" });
  assert.equal(await t.store.get("a"), "old");
});

Deno.test("FileStore.reload keeps the old table when the new one is bad", async () => {
  await using t = await Fixture.start("a old\n");
  await t.write("a new\nb nowhere\n");
  await assert.rejects(t.store.reload(), /:2: nowhere: not declared/);
  assert.equal(await t.store.get("a"), "old");
  assert.match(t.store.health().problem ?? "", /last reload failed/);
  await Deno.remove(t.path);
  await assert.rejects(t.store.reload(), { code: "unavailable" });
  assert.equal(await t.store.get("a"), "old");
  await t.write("");
  await t.store.reload();
  assert.equal(await t.store.get("a"), null);
  assert.match(t.warnings.at(-1) ?? "", /no mappings any more, there were 1/);
  assert.equal(t.store.health().problem, null);
});

Deno.test("FileStore.problemsUnder judges the destinations in use anew", async () => {
  await using t = await Fixture.start("a old\nb new\nc old\n");
  const check = (name: string) => name === "new" ? null : `${name}: gone`;
  assert.deepEqual(t.store.problemsUnder(check), [`${t.path}: old: gone`]);
});

Deno.test("FileStore reads and rewrites a large unsorted file without a long stop", async () => {
  // Some twenty times as much as fits into one turn, so that a faster machine takes several too.
  const lines: string[] = [];
  for (let i = 0; i < 300_000; i++) {
    lines.push(`user${(i * 7919) % 300_000}@example.com old\n`);
  }
  await using t = await Fixture.start(lines.join(""));
  assert.equal(t.store.size, 300_000);
  let turns = 0;
  const ticker = setInterval(() => turns++, 0);
  await t.store.set("user1@example.com", "new");
  clearInterval(ticker);
  assert.ok(turns > 3, `${turns} turns of the event loop`);
  const text = await t.read();
  assert.equal(text.split("\n").length, 300_001);
  assert.ok(text.includes("\nuser1@example.com\tnew\n"));
});
