/** The executable needs nothing beside it: no runtime on PATH, no environment, no other file. */
import assert from "node:assert/strict";
import { FakeImapBackend } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry, run } from "../support/mailferry.ts";
import {
  baseConfig,
  destination,
  Ground,
  merge,
  writeConfig,
} from "../support/proxy_config.ts";
import { ALICE, login } from "../support/stage.ts";
import { within } from "../support/wait.ts";

/** No PATH, no HOME, and an empty folder to be in. */
async function bare(ground: Ground, ...args: string[]) {
  const cwd = `${ground.folder}/empty`;
  await Deno.mkdir(cwd, { recursive: true });
  const outcome = await run(args, {}, { cwd, clearEnv: true });
  assert.deepEqual([...Deno.readDirSync(cwd)], []);
  return outcome;
}

Deno.test("version and help work on a bare machine", async () => {
  await using ground = await Ground.create();
  const version = await bare(ground, "version");
  assert.equal(version.code, 0, version.stderr);
  assert.match(version.stdout, /mailferry.*\d+\.\d+\.\d+/);
  const help = await bare(ground, "help");
  assert.equal(help.code, 0, help.stderr);
  for (const command of ["run", "check", "demo", "ctl", "version"]) {
    assert.ok(help.stdout.includes(command), command);
  }
});

Deno.test("check says what would be served, or all that is wrong with file and line", async () => {
  await using ground = await Ground.create();
  await Deno.writeTextFile(`${ground.folder}/mappings`, "");
  const good = merge(baseConfig(ground), {
    destination: { old: destination(1, "plain") },
  });
  const fine = await bare(ground, "check", await writeConfig(ground, good));
  assert.equal(fine.code, 0, fine.stderr);
  for (const part of ["imaps", "old", "127.0.0.1"]) {
    assert.ok(fine.stdout.includes(part), `${part} in ${fine.stdout}`);
  }
  const bad = merge(good, { listener: { imaps: { protocoll: "imap" } } });
  const file = await writeConfig(ground, bad, "bad.toml");
  const wrong = await bare(ground, "check", file);
  assert.equal(wrong.code, 78);
  const said = wrong.stdout + wrong.stderr;
  assert.match(said, /bad\.toml:\d+: listener\.imaps\.protocoll/);
  assert.match(said, /\bprotocol\b/);
});

Deno.test("it serves with nothing in its environment", async () => {
  await using ground = await Ground.create();
  const certificate = await ground.authority.issue(["backend.test"]);
  await using old = new FakeImapBackend({
    name: "old",
    tls: "implicit",
    certificate,
  });
  const cwd = `${ground.folder}/empty`;
  await Deno.mkdir(cwd);
  await using proxy = await Mailferry.start({
    ground,
    bareIn: cwd,
    config: {
      server: { threads: 2 },
      destination: {
        old: destination(old.port, "implicit", {
          tls_pinned_cert_sha256: certificate.sha256,
        }),
      },
    },
  });
  using client = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
  assert.equal((await client.transact(login(ALICE))).status, "OK");
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
  client.close();
  await proxy.ended(client);
  proxy.signal("SIGTERM");
  assert.equal((await within("the end", proxy.exited)).code, 0);
  assert.deepEqual(proxy.noise, []);
  assert.deepEqual([...Deno.readDirSync(cwd)], []);
});
