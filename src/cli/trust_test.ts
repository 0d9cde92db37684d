import assert from "node:assert/strict";
import { certificatePem } from "../pki/certificates.ts";
import { createChain, writeChain } from "../pki/kept_authority.ts";
import { runTrust } from "./trust.ts";

const CHAIN = await createChain(new Date("2026-11-22T08:00:00Z"));
const ROOT = certificatePem(CHAIN.root.certificate);
const INTERMEDIATE = certificatePem(CHAIN.intermediate.certificate);

const files: Record<string, string> = {
  "/c.toml": '[server]\nstate_dir = "/state"\n',
  "/stateless.toml": '[admin]\nbind = "127.0.0.1:1"\nbearer_token = "t"\n',
  "/state/authority.pem": await writeChain(CHAIN),
  "/chain.pem": INTERMEDIATE + ROOT,
  "/leaf.pem": INTERMEDIATE,
};

/** A host with some trust stores, or none, and what was done to it. */
function hostWith(...tools: string[]) {
  const installed = new Map<string, string>();
  const ran: string[] = [];
  const host = {
    root: true,
    failure: null as string | null,
    isRoot: () => host.root,
    has: ({ tool }: { tool: string }) => Promise.resolve(tools.includes(tool)),
    read: (path: string) => Promise.resolve(installed.get(path) ?? null),
    write: (path: string, text: string) =>
      Promise.resolve(void installed.set(path, text)),
    remove: (path: string) => Promise.resolve(void installed.delete(path)),
    run(tool: string) {
      ran.push(tool);
      return Promise.resolve(host.failure);
    },
  };
  const trust = async (line: string, env: Record<string, string> = {}) => {
    const shown = { out: "", err: "" };
    const exit = await runTrust(
      line === "" ? [] : line.split(" "),
      (name) => env[name],
      {
        out: (text) => shown.out += text,
        err: (text) => shown.err += text,
        readFile: (path) =>
          Object.hasOwn(files, path)
            ? Promise.resolve(files[path]!)
            : Promise.reject(new Error("no such file")),
      },
      host,
    );
    return { exit, ...shown };
  };
  return { host, trust, installed, ran };
}

Deno.test("runTrust prints the root, never its key, and the ways of each system", async () => {
  const { trust, installed, ran } = hostWith("update-ca-certificates");
  const shown = await trust("--config /c.toml");
  assert.deepEqual([shown.exit, shown.err], [0, ""]);
  assert.ok(shown.out.includes(ROOT));
  assert.ok(!/KEY|BEGIN[^]*BEGIN/.test(shown.out));
  assert.match(
    shown.out,
    /ca-certificates\/mailferry-[0-9a-f]{12}\.crt, then run\n {2}update-ca-certificates\n/,
  );
  assert.match(shown.out, /update-ca-trust\n/);
  assert.match(shown.out, /security add-trusted-cert/);
  for (const line of ["--ca /chain.pem", "--ca=/state/authority.pem"]) {
    assert.deepEqual(await trust(line), shown, line);
  }
  assert.deepEqual(await trust("", { PROXY_CONFIG: "/c.toml" }), shown);
  assert.deepEqual([installed.size, ran], [0, []]);
});

Deno.test("runTrust installs the root by the tool that there is, and takes it back", async () => {
  for (const tool of ["update-ca-certificates", "update-ca-trust"]) {
    const { trust, installed, ran } = hostWith(tool);
    const done = await trust("--ca /chain.pem --install");
    assert.equal(done.exit, 0, done.err);
    assert.deepEqual([...installed.values()], [ROOT]);
    assert.equal((await trust("--ca /chain.pem --install")).exit, 0);
    assert.equal(installed.size, 1);
    assert.equal((await trust("--ca /chain.pem --uninstall")).exit, 0);
    assert.equal(installed.size, 0);
    assert.deepEqual(ran, [tool, tool, tool]);
    const again = await trust("--ca /chain.pem --uninstall");
    assert.equal(again.exit, 3);
    assert.match(again.err, /not installed/);
  }
});

Deno.test("runTrust changes nothing where it cannot install", async () => {
  const { trust, installed, host, ran } = hostWith("update-ca-certificates");
  host.failure = "disk full";
  const failed = await trust("--ca /chain.pem --install");
  assert.deepEqual(failed, {
    exit: 1,
    out: "",
    err: "mailferry trust: update-ca-certificates: disk full\n",
  });
  assert.equal(installed.size, 0);
  host.root = false;
  const refused = await trust("--ca /chain.pem --install");
  assert.equal(refused.exit, 1);
  assert.match(refused.err, /only root/);
  assert.equal(ran.length, 1);
  const unsure = await trust("--config /stateless.toml --install");
  assert.equal(unsure.exit, 1);
  assert.match(unsure.err, /cannot tell that it is the proxy/);
  assert.equal(installed.size, 0);
  const bare = await hostWith().trust("--ca /chain.pem --install");
  assert.equal(bare.exit, 1);
  assert.match(bare.err, /no update-ca-certificates or update-ca-trust/);
});

Deno.test("runTrust says what is missing or wrong", async () => {
  const { trust } = hostWith("update-ca-certificates");
  const fails = async (line: string, exit: number, message: RegExp) => {
    const shown = await trust(line);
    assert.equal(shown.exit, exit, line);
    assert.match(shown.err, message);
    assert.equal(shown.out, "");
  };
  await fails("", 2, /give --config FILE or --ca FILE/);
  await fails("--ca", 2, /--ca needs a value/);
  await fails("--ca /absent", 2, /cannot read \/absent/);
  await fails("--ca /leaf.pem", 1, /no root certificate/);
  await fails("--ca /chain.pem --config /c.toml", 2, /exclude each other/);
  await fails("--install --uninstall", 2, /exclude each other/);
  await fails("--instal", 2, /unexpected argument --instal/);
  assert.match((await trust("--help")).out, /^usage: mailferry trust/);
});
