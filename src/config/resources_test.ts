import assert from "node:assert/strict";
import { tokenDigest } from "./tokens.ts";
import { Authority, type Certificate } from "../../tests/support/certs.ts";
import { openConfig } from "./load.ts";
import { formatProblem } from "./issues.ts";
import type { ResourceHost } from "./resources.ts";
import { BASE, emptyEnv, envOf, hostWith, TOKEN } from "./testing.ts";

let made: Promise<{ a: Certificate; b: Certificate; ca: string }> | undefined;

/** Certificates for all tests of this file; their folder is gone when this resolves. */
function certificates() {
  return made ??= (async () => {
    const folder = await Deno.makeTempDir();
    try {
      const authority = await Authority.create(folder);
      const a = await authority.issue([
        "Mail.example.com",
        "*.example.com",
        "10.0.0.1",
      ], { file: "a" });
      const b = await authority.issue(["b.example.org"], { file: "b" });
      return { a, b, ca: authority.pem };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  })();
}

async function open(
  text: string,
  files: Record<string, string> = {},
  more: Partial<ResourceHost> & { env?: Record<string, string> } = {},
) {
  const { a } = await certificates();
  const { env, ...host } = more;
  const result = await openConfig("c.toml", {
    strict: true,
    env: env === undefined ? emptyEnv : envOf(env),
    host: hostWith({
      "c.toml": text,
      "cert.pem": a.certPem,
      "key.pem": a.keyPem,
      ...files,
    }, host),
  });
  return {
    result,
    resources: result.ok ? result.resources : undefined,
    problems: result.ok ? [] : result.problems.map(formatProblem),
    warnings: result.warnings.map(formatProblem),
  };
}

Deno.test("loadResources reads certificates with their names", async () => {
  const { a, b, ca } = await certificates();
  const { resources, problems } = await open(
    `${BASE}default = true\n[tls.certificate."*"]\ncert = "b.pem"\nkey = "b.key"\nsubjects = ["X.example"]\n`,
    { "b.pem": b.certPem + ca, "b.key": b.keyPem },
  );
  assert.deepEqual(problems, []);
  const [first, second] = resources!.certificates;
  assert.equal(first!.name, "main");
  assert.deepEqual(first!.subjects, ["mail.example.com", "*.example.com"]);
  assert.equal(first!.isDefault, true);
  assert.equal(first!.keyPem, a.keyPem);
  assert.deepEqual(second!.subjects, ["x.example"]);
  assert.equal(second!.isDefault, false);
});

Deno.test('loadResources takes a certificate named "*" for the default', async () => {
  const { resources } = await open(
    BASE.replace("certificate.main", 'certificate."*"'),
  );
  assert.equal(resources!.certificates[0]!.isDefault, true);
});

const PEM = (label: string, body = "AAAA") =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;

Deno.test("loadResources says which file of a certificate is wrong, and how", async () => {
  const { a, b, ca } = await certificates();
  const cases: [Record<string, string>, RegExp][] = [
    [{ "cert.pem": "" }, /main\.cert: cert\.pem has no PEM certificate/],
    [
      { "cert.pem": PEM("CERTIFICATE") },
      /main\.cert: cert\.pem cannot be read: certificate 1 of its chain is damaged/,
    ],
    [
      { "cert.pem": a.certPem + PEM("CERTIFICATE") },
      /main\.cert: cert\.pem cannot be read: certificate 2 of its chain is damaged/,
    ],
    [
      { "cert.pem": ca + a.certPem },
      /main\.key: key\.pem belongs to another certificate of the chain/,
    ],
    [
      { "key.pem": b.keyPem },
      /main\.key: key\.pem does not belong to the certificate/,
    ],
    [{ "key.pem": "" }, /main\.key: key\.pem has no PEM private key/],
    [{ "key.pem": PEM("PRIVATE KEY") }, /main\.key: key\.pem cannot be read/],
    [
      { "key.pem": PEM("ENCRYPTED PRIVATE KEY") },
      /main\.key: key\.pem is encrypted/,
    ],
  ];
  for (const [files, wanted] of cases) {
    const { problems } = await open(BASE, files);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, wanted);
    assert.match(problems[0]!, /^c\.toml:1[78]: /);
  }
});

Deno.test("loadResources names files that cannot be read, beside all other problems", async () => {
  const { problems } = await open(
    `${BASE}[server]\nthreads = -1\n[admin]\nbind = "127.0.0.1:0"\nbearer_token_file = "token"\n`,
    {},
    {
      readFile: (path) =>
        path === "c.toml"
          ? Promise.resolve(
            `${BASE}[server]\nthreads = -1\n[admin]\nbind = "127.0.0.1:0"\nbearer_token_file = "token"\n`,
          )
          : Promise.reject(
            path === "key.pem"
              ? new Deno.errors.PermissionDenied(path)
              : new Deno.errors.NotFound(path),
          ),
    },
  );
  assert.deepEqual(problems, [
    "c.toml:17: tls.certificate.main.cert: cannot read cert.pem: no such file",
    "c.toml:18: tls.certificate.main.key: cannot read key.pem: permission denied",
    "c.toml:20: server.threads: must be a whole number from 0 to 512, not -1",
    "c.toml:23: admin.bearer_token_file: cannot read token: no such file",
  ]);
});

Deno.test("loadResources reads client certificates", async () => {
  const { b } = await certificates();
  const text = BASE.replace(
    'host = "new.example.com"',
    'host = "new.example.com"\ntls_client_cert = "b.pem"\ntls_client_key = "b.key"',
  );
  const { resources } = await open(text, {
    "b.pem": b.certPem,
    "b.key": b.keyPem,
  });
  assert.equal(resources!.clientCertificates.get("new")!.certPem, b.certPem);
  const { problems } = await open(text, {
    "b.pem": b.certPem,
    "b.key": PEM("PRIVATE KEY"),
  });
  assert.match(
    problems[0]!,
    /destination\.new\.tls_client_key: b\.key cannot be read/,
  );
});

/** BASE with these lines in its destination "new". */
const withNew = (lines: string) =>
  BASE.replace(
    'host = "new.example.com"',
    `host = "new.example.com"\n${lines}`,
  );

Deno.test("loadResources reads a destination's authorities, each once", async () => {
  const { a, ca } = await certificates();
  const text = withNew('tls_ca_file = "ca.pem"');
  const { resources, problems, warnings } = await open(text, {
    "ca.pem": `the first\n${ca}\n${a.certPem}${ca}`,
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(warnings, []);
  const { authorities, revocations } = resources!.trust.get("new")!;
  assert.deepEqual(authorities, [ca.trim(), a.certPem.trim()]);
  assert.equal(revocations, undefined);
  assert.equal(resources!.trust.has("old"), false);
});

Deno.test("loadResources says what is wrong with a file of authorities", async () => {
  const { a } = await certificates();
  const files: [string | undefined, RegExp][] = [
    [undefined, /tls_ca_file: cannot read ca\.pem: no such file/],
    ["", /tls_ca_file: ca\.pem has no PEM certificate/],
    [a.keyPem, /tls_ca_file: ca\.pem has no PEM certificate/],
    [a.certPem + PEM("CERTIFICATE"), /certificate 2 of the file cannot be/],
  ];
  for (const [file, message] of files) {
    const { problems } = await open(
      withNew('tls_ca_file = "ca.pem"\ntls_crl_file = "ca.crl"'),
      file === undefined ? {} : { "ca.pem": file },
    );
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, message);
  }
});

Deno.test("loadResources warns of an authority that has expired", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const authority = await Authority.create(folder, new Date("2026-02-03"));
    const { resources, warnings } = await open(
      withNew('tls_ca_file = "ca.pem"'),
      { "ca.pem": authority.pem },
    );
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /destination\.new\.tls_ca_file: CN=Test authority .* of ca\.pem expired on 2026-02-03/,
    );
    assert.equal(resources!.trust.get("new")!.authorities!.length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loadResources has the lists of a destination read with its authorities", async () => {
  const { ca } = await certificates();
  const list = { issuer: "30", serials: new Map(), issued: 0, points: [] };
  const asked: unknown[] = [];
  const readRevocations: ResourceHost["readRevocations"] = (path, signers) => {
    asked.push([path, signers]);
    return Promise.resolve({ lists: [list], warnings: ["an old list"] });
  };
  const text = withNew('tls_ca_file = "ca.pem"\ntls_crl_file = "ca.crl"')
    .replace(
      'host = "old.example.com"',
      'host = "old.example.com"\ntls_crl_file = "public.crl"',
    );
  const { resources, warnings } = await open(text, { "ca.pem": ca }, {
    readRevocations,
  });
  assert.deepEqual(asked, [
    ["public.crl", undefined],
    ["ca.crl", [ca.trim()]],
  ]);
  assert.deepEqual(resources!.trust.get("old"), { revocations: [list] });
  assert.match(warnings[0]!, /destination\.old\.tls_crl_file: an old list/);

  const { problems } = await open(text, { "ca.pem": ca }, {
    readRevocations: (path) =>
      path === "ca.crl"
        ? Promise.reject(new Error("the list is not signed by CN=x"))
        : Promise.resolve({ lists: [], warnings: [] }),
  });
  assert.equal(problems.length, 1);
  assert.match(
    problems[0]!,
    /destination\.new\.tls_crl_file: cannot use ca\.crl: the list is not signed by CN=x/,
  );
});

Deno.test("loadResources: the token comes from the environment, the file, the key, in this order", async () => {
  const text =
    `${BASE}[admin]\nbind = "127.0.0.1:0"\nbearer_token_file = "token"\nbearer_token = "${TOKEN}k"\n`;
  const files = { token: `  ${TOKEN}f\r\n` };
  const fromEnv = await open(text, files, {
    env: { PROXY_ADMIN_TOKEN: `${TOKEN}e` },
  });
  assert.equal(fromEnv.resources!.adminToken, `${TOKEN}e`);
  const fromFile = await open(text, files);
  assert.equal(fromFile.resources!.adminToken, `${TOKEN}f`);
  const fromKey = await open(text.replace('bearer_token_file = "token"\n', ""));
  assert.equal(fromKey.resources!.adminToken, `${TOKEN}k`);
  const none = await open(BASE);
  assert.equal(none.resources!.adminToken, undefined);
});

Deno.test("loadResources knows every token by its digest, and none twice", async () => {
  const admin = `${BASE}[admin]\nbind = "127.0.0.1:0"\n`;
  const viewer =
    '[[admin.token]]\nname = "graphs"\nrole = "viewer"\nfile = "graphs"\n';
  const other =
    `[[admin.token]]\nname = "boss"\nrole = "admin"\nhash = "sha256:${
      tokenDigest(`${TOKEN}b`).toUpperCase()
    }"\n`;
  const files = { graphs: ` ${TOKEN}g\n` };
  const { resources } = await open(admin + viewer + other, files);
  assert.equal(resources!.adminToken, undefined);
  const known = [
    { name: "graphs", role: "viewer", digest: tokenDigest(`${TOKEN}g`) },
    { name: "boss", role: "admin", digest: tokenDigest(`${TOKEN}b`) },
  ];
  assert.deepEqual(resources!.adminTokens, known);
  const env = { PROXY_ADMIN_TOKEN: `${TOKEN}e` };
  const withMain = await open(admin + viewer + other, files, { env });
  assert.deepEqual(withMain.resources!.adminTokens, [
    { name: "admin", role: "admin", digest: tokenDigest(`${TOKEN}e`) },
    ...known,
  ]);
  const twice = await open(admin + viewer + other, { graphs: `${TOKEN}b` });
  assert.deepEqual(twice.problems, [
    "c.toml:25: admin.token[1]: graphs has the same token",
  ]);
  const short = await open(admin + viewer + other, { graphs: "hunter2" });
  assert.deepEqual(short.problems, [
    "c.toml:24: admin.token[0].file: the token in graphs is too short: 7 characters, min_token_len is 32",
  ]);
  const bare = await open(admin + other + viewer.replace(/file.*\n/, ""));
  assert.deepEqual(bare.problems, [
    "c.toml:25: admin.token[1]: needs file or hash: one of them says the token",
  ]);
});

Deno.test("loadResources judges the token of the file without showing it", async () => {
  const text =
    `${BASE}[admin]\nbind = "127.0.0.1:0"\nbearer_token_file = "token"\n`;
  const { problems } = await open(text, { token: "hunter2" });
  assert.deepEqual(problems, [
    "c.toml:21: admin.bearer_token_file: the token in token is too short: 7 characters, min_token_len is 32",
  ]);
});

Deno.test("loadResources refuses mappings to destinations that cannot serve", async () => {
  const text = `${BASE}[destination.bare]\nhost = "h"\n`;
  const { problems } = await open(text, {}, {
    checkMappings: (path, normalize, fault) => {
      assert.equal(path, "mappings.tsv");
      assert.equal(normalize, "none");
      return Promise.resolve(
        ["old", "bare", "gone"].flatMap((name) => fault(name) ?? []),
      );
    },
  });
  assert.deepEqual(problems, [
    "c.toml:15: mapping.file.path: destination bare has no leg for imap, which a listener speaks",
    'c.toml:15: mapping.file.path: destination "gone" is not declared',
  ]);
});

Deno.test("loadResources refuses source_ips where they have no effect", async () => {
  const text = BASE.replace(
    'host = "new.example.com"',
    'host = "new.example.com"\nsource_ips = ["10.0.0.9"]',
  );
  const { problems } = await open(text, {}, {
    sourceAddressWorks: () => Promise.resolve(false),
  });
  assert.equal(problems.length, 1);
  assert.match(
    problems[0]!,
    /destination\.new\.source_ips: this runtime cannot choose/,
  );
  assert.deepEqual((await open(text)).problems, []);
  let asked = false;
  await open(BASE, {}, {
    sourceAddressWorks: () => Promise.resolve(asked = true),
  });
  assert.equal(asked, false);
});

Deno.test("loadResources refuses a destination that is an own listener", async () => {
  const text = BASE.replace(
    'host = "new.example.com"',
    'host = "self.example.com"',
  ).replace("port = 143", "port = 1993");
  const { problems } = await open(text, {}, {
    resolve: () => Promise.resolve(["127.0.0.1"]),
  });
  assert.deepEqual(problems, [
    "c.toml:10: destination.new.protocol.imap.port: would connect the proxy to itself: listener imap is bound to 127.0.0.1:1993",
  ]);
});
