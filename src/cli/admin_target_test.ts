import assert from "node:assert/strict";
import { certificatePem } from "../pki/certificates.ts";
import { createChain, writeChain } from "../pki/kept_authority.ts";
import { findAdmin } from "./admin_target.ts";

const CHAIN = await createChain(new Date());

const files: Record<string, string> = {
  "/c.toml": `
[tls.certificate.one]
cert = "/one.pem"
key = "/one.key"
[tls.certificate.two]
cert = "/two.pem"
key = "/two.key"
default = true
[admin]
bind = "0.0.0.0:9443"
bearer_token_file = "/token"
[destination.broken]
host = 7
`,
  "/inline.toml": '[admin]\nbind = "[::]:1"\nbearer_token = "inline"\n',
  "/several.toml": `
[tls.certificate.one]
cert = "/one.pem"
[tls.certificate.two]
cert = "/two.pem"
[admin]
bind = "127.0.0.1:1"
bearer_token = "inline"
`,
  "/one.toml": `
[tls.certificate.two]
cert = "/two.pem"
[admin]
bind = "127.0.0.1:1"
bearer_token = "inline"
`,
  "/roles.toml": `
[admin]
bind = "127.0.0.1:1"
[[admin.token]]
role = "viewer"
file = "/token"
[[admin.token]]
role = "admin"
hash = "sha256:00"
[[admin.token]]
role = "operator"
file = "/operator"
[[admin.token]]
role = "admin"
file = "/unreadable"
`,
  "/state.toml": `
[server]
state_dir = "/state"
[admin]
bind = "127.0.0.1:1"
bearer_token = "inline"
`,
  "/state/authority.pem": await writeChain(CHAIN),
  "/none.toml": "",
  "/bad.toml": "[",
  "/token": "  from-file\n",
  "/operator": "operators\n",
  "/two.pem": "PEM two",
};

const io = {
  out: () => {},
  err: () => {},
  readFile: (path: string) =>
    Object.hasOwn(files, path)
      ? Promise.resolve(files[path]!)
      : Promise.reject(new Error("no such file")),
};

function find(
  options: { config?: string; address?: string },
  env: Record<string, string> = {},
) {
  return findAdmin(options, (name) => env[name], io);
}

Deno.test("findAdmin takes address, token and certificate from the file", async () => {
  assert.deepEqual(await find({ config: "/c.toml" }), {
    hostname: "127.0.0.1",
    port: 9443,
    token: "from-file",
    certPem: "PEM two",
    rootPem: undefined,
  });
  assert.deepEqual(await find({}, { PROXY_CONFIG: "/inline.toml" }), {
    hostname: "::1",
    port: 1,
    token: "inline",
    certPem: undefined,
    rootPem: undefined,
  });
});

Deno.test("findAdmin knows the certificate only where it is the one that is served", async () => {
  const certificate = async (config: string) =>
    (await find({ config })).certPem;
  assert.equal(await certificate("/one.toml"), "PEM two");
  assert.equal(await certificate("/several.toml"), undefined);
});

Deno.test("findAdmin takes of several tokens the readable one that may do most", async () => {
  assert.equal((await find({ config: "/roles.toml" })).token, "operators");
});

Deno.test("findAdmin knows the root of the proxy's own authority, and nothing else of it", async () => {
  assert.equal(
    (await find({ config: "/state.toml" })).rootPem,
    certificatePem(CHAIN.root.certificate),
  );
});

Deno.test("findAdmin lets options and the environment win", async () => {
  const env = { PROXY_ADMIN_TOKEN: "env", PROXY_CONFIG: "/c.toml" };
  assert.deepEqual(await find({ address: "admin.example.com:443" }, env), {
    hostname: "admin.example.com",
    port: 443,
    token: "env",
    certPem: "PEM two",
    rootPem: undefined,
  });
  assert.deepEqual(
    await find({ address: "[2001:db8::1]:443" }, { PROXY_ADMIN_TOKEN: "env" }),
    {
      hostname: "2001:db8::1",
      port: 443,
      token: "env",
      certPem: undefined,
      rootPem: undefined,
    },
  );
});

Deno.test("findAdmin says what is missing", async () => {
  const fails = (
    options: { config?: string; address?: string },
    message: RegExp,
  ) => assert.rejects(find(options), { exit: 2, message });
  await fails({}, /^give --config FILE or --address HOST:PORT/);
  await fails({ config: "/none.toml" }, /has no \[admin\] bind/);
  await fails({ config: "/bad.toml" }, /not TOML: mailferry check/);
  await fails({ config: "/absent.toml" }, /cannot read \/absent.toml/);
  await fails({ address: "127.0.0.1:1" }, /^no token/);
  await fails({ address: "nonsense" }, /^no token|not HOST:PORT/);
});
