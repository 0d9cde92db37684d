import assert from "node:assert/strict";
import { Authority } from "../../tests/support/certs.ts";
import { noDetour } from "../../tests/support/nobody_takes_over.ts";
import { FakeControl } from "../../tests/support/fake_control.ts";
import { startAdmin } from "../admin/server.ts";
import { MAIN_TOKEN, tokenDigest } from "../config/tokens.ts";
import { ControlError } from "../control/api.ts";
import { AuditLog } from "../control/audit_log.ts";
import { runCtl } from "./ctl.ts";
import { processIo } from "./io.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

interface Setting {
  control: FakeControl;
  address: string;
  authority: Authority;
  /** Runs a command line with a configuration that names the certificate of `file`, or none. */
  ctl(
    line: string,
    certFile?: string,
  ): Promise<{ exit: number; out: string; err: string }>;
  certFile: string;
  otherFile: string;
}

async function withProxy(
  run: (setting: Setting) => Promise<void>,
  // What an operator makes with openssl: ordinary verification refuses it.
  make = (authority: Authority) => authority.selfSigned("mail.test"),
) {
  const folder = await Deno.makeTempDir();
  const authority = await Authority.create(folder);
  const own = await make(authority);
  const other = await authority.issue(["other.test"]);
  const control = new FakeControl();
  const admin = startAdmin({
    bind: { hostname: "127.0.0.1", port: 0 },
    control,
    log: () => {},
    audit: new AuditLog(() => {}),
    shorten: (identifier) => identifier,
    detour: noDetour(),
  }, {
    certPem: own.certPem,
    keyPem: own.keyPem,
    tokens: [
      { name: MAIN_TOKEN, role: "admin", digest: tokenDigest(TOKEN) },
    ],
    lockoutThreshold: 5,
    lockoutDuration: 300_000,
  });
  const address = `127.0.0.1:${admin.address.port}`;
  const ctl = async (line: string, certFile?: string) => {
    const config = `${folder}/config.toml`;
    const certificate = certFile
      ? `[tls.certificate.main]\ncert = "${certFile}"\nkey = "unread"\n`
      : "";
    await Deno.writeTextFile(
      config,
      `${certificate}[admin]\nbind = "${address}"\nbearer_token = "${TOKEN}"\n`,
    );
    const shown = { out: "", err: "" };
    const exit = await runCtl(
      ["--config", config, ...line.split(" ")],
      () => undefined,
      {
        ...processIo,
        out: (text) => shown.out += text,
        err: (text) => shown.err += text,
        write: (bytes) => shown.out += new TextDecoder().decode(bytes),
        isTerminal: () => false,
      },
    );
    return { exit, ...shown };
  };
  try {
    await run({
      control,
      address,
      authority,
      ctl,
      certFile: own.certFile,
      otherFile: other.certFile,
    });
  } finally {
    await admin.close();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runCtl asks the proxy and prints for people", async () => {
  await withProxy(async ({ ctl, control, certFile }) => {
    const done = async (line: string, out: string) =>
      assert.deepEqual([line, await ctl(line, certFile)], [
        line,
        { exit: 0, out, err: "" },
      ]);
    await done("mappings set a+b@example.com new", "ok\n");
    assert.equal(control.mappings.get("a+b@example.com"), "new");
    await done("mappings delete a+b@example.com", "removed\n");
    await done("connections kick alice@example.com", "kicked 1\n");
    await done("connections delay alice@example.com 30", "ok\n");
    await done(
      "explain Bob",
      "identifier:   Bob\ndestination:  old\nrefused:      -\n\n" +
        "STEP       RESULT\nnormalize  bob\nmapping    old\n",
    );
    await done(
      "stats --json",
      '{"cache_hits":18234,"cache_misses":412,"hit_rate_pct":97.79,"cache_entries":380,"active_connections":27}\n',
    );
    await done("readyz --json", '"ok"\n');
    assert.match(
      (await ctl("destinations", certFile)).out,
      /^ {2}pop3 .*yes$/m,
    );
    await ctl("sessions --destination old", certFile);
    assert.deepEqual(control.calls.at(-1), ["sessions", {
      destination: "old",
    }]);
  });
});

Deno.test("runCtl tells by its exit code what happened", async () => {
  await withProxy(async ({ ctl, control, certFile }) => {
    assert.deepEqual(await ctl("mappings set a none", certFile), {
      exit: 1,
      out: "",
      err: "unknown destination\n",
    });
    assert.deepEqual(await ctl("destinations reset none", certFile), {
      exit: 3,
      out: "",
      err: "unknown destination\n",
    });
    control.failure = new ControlError("invalid", "config.toml:3: no such key");
    assert.deepEqual(await ctl("config reload", certFile), {
      exit: 1,
      out: "",
      err: "config.toml:3: no such key\n",
    });
    assert.equal((await ctl("stat", certFile)).exit, 2);
    assert.equal((await ctl("stats --address 127.0.0.1:1", certFile)).exit, 4);
  });
});

Deno.test("runCtl sends its token only to a certificate that it knows", async () => {
  await withProxy(async ({ ctl, control, authority, certFile, otherFile }) => {
    assert.equal((await ctl("stats", certFile)).exit, 0);
    // No configured certificate: a self-made one, which is taken on loopback.
    assert.equal((await ctl("stats")).exit, 0);
    assert.equal((await ctl("stats --insecure", otherFile)).exit, 0);
    assert.equal(control.calls.length, 3);
    const wrong = await ctl("stats", otherFile);
    assert.equal(wrong.exit, 4);
    assert.match(wrong.err, /--insecure/);
    const unsigned = await ctl(`stats --cacert ${authority.file}`, certFile);
    assert.equal(unsigned.exit, 4);
    assert.equal(control.calls.length, 3);
  });
});

Deno.test("runCtl verifies against the authorities of --cacert", async () => {
  await withProxy(async ({ ctl, authority, otherFile }) => {
    assert.equal((await ctl(`stats --cacert ${authority.file}`)).exit, 0);
    assert.equal((await ctl(`stats --cacert ${otherFile}`)).exit, 4);
  }, (authority) => authority.issue(["127.0.0.1"]));
});

Deno.test("runCtl sends and prints what may be of any size, its format by the file's name", async () => {
  await withProxy(async ({ ctl, certFile, control }) => {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/rows.tsv`;
      await Deno.writeTextFile(file, "a\tnew\n".repeat(100_000));
      const done = await ctl(`mappings import ${file} --dry-run`, certFile);
      assert.equal(done.exit, 0, done.err);
      assert.match(done.out, /^result: +imported$/m);
      assert.deepEqual(control.calls, [
        ["import", { format: "tsv", mode: "all-or-nothing", dryRun: true }],
        ["imported", 600_000],
      ]);
      control.importResult = "refused";
      const refused = await ctl(
        `mappings import ${file} --format csv --mode best-effort`,
        certFile,
      );
      assert.equal(refused.exit, 1);
      assert.match(refused.out, /^result: +refused$/m);
      assert.deepEqual(control.calls[2], [
        "import",
        { format: "csv", mode: "best-effort", dryRun: false },
      ]);
      const unnamed = await ctl(`mappings import ${folder}`, certFile);
      assert.equal(unnamed.exit, 2);
      assert.match(unnamed.err, /Name it \.ndjson, \.tsv or \.csv/);
      const missing = await ctl(`mappings import ${folder}/x.csv`, certFile);
      assert.equal(missing.exit, 2);
      assert.match(missing.err, /cannot read/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    const exported = await ctl("mappings export --format tsv", certFile);
    assert.deepEqual(
      [exported.exit, exported.out, exported.err],
      [0, "alice@example.com\told\n", ""],
    );
    control.failure = new ControlError("failed", "cannot be listed");
    const failed = await ctl("mappings export", certFile);
    assert.deepEqual(
      [failed.exit, failed.out, failed.err],
      [1, "", "cannot be listed\n"],
    );
  });
});

Deno.test("runCtl prints help made from the table", async () => {
  const shown = { out: "", err: "" };
  const io = {
    ...processIo,
    out: (text: string) => shown.out += text,
    err: (text: string) => shown.err += text,
  };
  const none = () => undefined;
  assert.equal(await runCtl(["--help"], none, io), 0);
  assert.match(shown.out, /^ {2}mappings set IDENTIFIER DESTINATION {2}/m);
  shown.out = "";
  assert.equal(await runCtl(["mappings", "set", "-h"], none, io), 0);
  assert.match(
    shown.out,
    /^usage: mailferry ctl mappings set IDENTIFIER DESTINATION\n/,
  );
  assert.equal(shown.err, "");
  assert.equal(await runCtl([], none, io), 2);
  assert.equal(await runCtl(["cache"], none, io), 2);
  assert.match(shown.err, /cache invalidate \[IDENTIFIER\]/);
});
