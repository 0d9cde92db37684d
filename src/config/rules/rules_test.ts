import assert from "node:assert/strict";
import { BASE, envOf, problemsOf, TOKEN, warningsOf } from "../testing.ts";

/** A change of the base that must be refused with these words, and one close to it that must not. */
interface Case {
  readonly rule: string;
  readonly bad: string;
  /** Parts of one problem line, key included. */
  readonly says: readonly string[];
  readonly good: string;
}

const base = (from: string, to: string) => {
  assert.ok(BASE.includes(from), from);
  return BASE.replace(from, to);
};
const plus = (more: string) => `${BASE}${more}\n`;
const listener = (protocol: string, rest: string) =>
  plus(
    `[listener.x]\nprotocol = "${protocol}"\nbind = ["127.0.0.1:2000"]\n${rest}`,
  );
const socket = (rest: string) => plus(`[[runtime.socket]]\n${rest}`);
const UNAVAILABLE = /not available in this version/;

function token(name: string, role: string): string {
  const hash = "ab".repeat(32);
  return `[[admin.token]]\nname = "${name}"\nrole = "${role}"\nhash = "sha256:${hash}"\n`;
}

/** With mappings in one place for all proxies. */
const clustered = (bus: string, url: string) =>
  BASE.replace(
    /source = "file"[^]*?\n\[/,
    'source = "sql"\n[mapping.sql]\nurl = "sqlite:///routes.db"\nquery = "SELECT ?"\n[',
  ) +
  `\n[cluster]\nbus = "${bus}"\nurl = "${url}"\n`;

const CASES: readonly Case[] = [
  {
    rule: "default_destination is declared",
    bad: base('default_destination = "old"', 'default_destination = "odl"'),
    says: [
      "routing.default_destination: ",
      '"odl" is not declared; declared are old, new',
    ],
    good: base('default_destination = "old"', 'default_destination = "new"'),
  },
  {
    rule: "smtp_passthrough_destination is declared",
    bad: base("[mapping]", 'smtp_passthrough_destination = "x"\n[mapping]'),
    says: ["routing.smtp_passthrough_destination: ", '"x" is not declared'],
    good: base("[mapping]", 'smtp_passthrough_destination = "new"\n[mapping]'),
  },
  {
    rule: "allow names declared acls",
    bad: listener("imap", 'tls = "implicit"\nallow = ["a", "b"]\n[acl.a]'),
    says: [
      "listener.x.allow[1]: ",
      'acl "b" is not declared',
      "declared are a",
    ],
    good: listener("imap", 'tls = "implicit"\nallow = ["a"]\n[acl.a]'),
  },
  {
    rule: "deny names declared acls",
    bad: listener("imap", 'tls = "implicit"\ndeny = ["constructor"]'),
    says: ["listener.x.deny[0]: ", "none is declared"],
    good: listener("imap", 'tls = "implicit"\ndeny = ["a"]\n[acl.a]'),
  },
  {
    rule: "proxy_trusted names declared acls",
    bad: listener(
      "imap",
      'tls = "implicit"\nproxy_trusted = ["10.0.0.0/8", "acl:b"]\n[acl.a]',
    ),
    says: ["listener.x.proxy_trusted[1]: ", 'acl "b" is not declared'],
    good: listener(
      "imap",
      'tls = "implicit"\nproxy_trusted = ["10.0.0.0/8", "acl:a"]\n[acl.a]',
    ),
  },
  {
    rule: "no map has the name of the mapping store",
    bad: plus('[map.mappings]\nfile = "m"'),
    says: ["map.mappings: is the name by which"],
    good: plus('[map.mapping]\nfile = "m"'),
  },
  {
    rule: "smtp and lmtp need smtp_passthrough_destination",
    bad: listener("smtp", 'tls = "plain"'),
    says: [
      "routing.smtp_passthrough_destination: required because listener x speaks smtp",
    ],
    good: listener(
      "smtp",
      'tls = "plain"\n[destination.new.protocol.smtp]\nport = 25\ntls = "plain"',
    )
      .replace("[mapping]", 'smtp_passthrough_destination = "new"\n[mapping]'),
  },
  {
    rule: "the default destination has a leg for each listener",
    bad: listener("pop3", 'tls = "implicit"'),
    says: [
      "listener.x.protocol: the default destination old has no leg for pop3",
    ],
    good: listener(
      "pop3",
      'tls = "implicit"\n[destination.old.protocol.pop3]\nport = 995\ntls = "implicit"',
    ),
  },
  {
    rule: "an lmtp listener by recipient needs the default destination's leg",
    bad: listener("lmtp", 'tls = "plain"\nroute = "recipient"'),
    says: [
      "listener.x.protocol: the default destination old has no leg for lmtp",
    ],
    good: listener(
      "lmtp",
      'tls = "plain"\nroute = "recipient"\n[destination.old.protocol.lmtp]\nport = 24\ntls = "plain"',
    ),
  },
  {
    rule: "only smtp and lmtp are routed by recipient",
    bad: listener("imap", 'tls = "implicit"\nroute = "recipient"'),
    says: ["listener.x.route: imap is routed by its login"],
    good: listener("imap", 'tls = "implicit"\nroute = "passthrough"'),
  },
  {
    rule: "the pass-through destination has a leg for each listener",
    bad: listener("lmtp", 'tls = "plain"').replace(
      "[mapping]",
      'smtp_passthrough_destination = "new"\n[mapping]',
    ),
    says: [
      "listener.x.protocol: the pass-through destination new has no leg for lmtp",
    ],
    good: listener(
      "lmtp",
      'tls = "plain"\n[destination.new.protocol.lmtp]\nport = 24\ntls = "plain"',
    )
      .replace("[mapping]", 'smtp_passthrough_destination = "new"\n[mapping]'),
  },
  ...["smtp", "lmtp", "http"].map((protocol): Case => ({
    rule: `a ${protocol} leg has no starttls`,
    bad: plus(
      `[destination.new.protocol.${protocol}]\nport = 25\ntls = "starttls"`,
    ),
    says: [
      `destination.new.protocol.${protocol}.tls: starttls is not possible for ${protocol}`,
    ],
    good: plus(
      `[destination.new.protocol.${protocol}]\nport = 25\ntls = "implicit"`,
    ),
  })),
  {
    rule: "a bridged smtp leg has no starttls",
    bad: listener(
      "smtp",
      'tls = "plain"\n[destination.new.protocol.smtp]\nport = 25\ntls = "starttls"',
    )
      .replace("[mapping]", 'smtp_passthrough_destination = "new"\n[mapping]'),
    says: [
      "destination.new.protocol.smtp.tls: starttls is not possible for smtp",
    ],
    good: listener(
      "smtp",
      'tls = "starttls"\nroute = "recipient"\n[destination.old.protocol.smtp]\nport = 25\ntls = "starttls"',
    ),
  },
  {
    rule: "a listener for smtp has no starttls",
    bad: listener("smtp", 'tls = "starttls"'),
    says: ["listener.x.tls: starttls is not possible for smtp"],
    good: base('tls = "implicit"', 'tls = "starttls"'),
  },
  {
    rule: "a plain leg with logins needs allow_plaintext_auth",
    bad: base('{port = 143, tls = "starttls"}', '{port = 143, tls = "plain"}'),
    says: [
      "destination.new.protocol.imap.tls: ",
      "allow_plaintext_auth = true on destination new",
    ],
    good: base(
      'protocol.imap = {port = 143, tls = "starttls"}',
      'protocol.imap = {port = 143, tls = "plain"}\nallow_plaintext_auth = true',
    ),
  },
  {
    rule: "a TLS leg to an address needs tls_server_name",
    bad: base('host = "new.example.com"', 'host = "2001:db8::1"'),
    says: [
      "destination.new.tls_server_name: required because host is an IP address and leg imap uses TLS",
    ],
    good: base(
      'host = "new.example.com"',
      'host = "2001:db8::1"\ntls_server_name = "new.example.com"',
    ),
  },
  {
    rule: "proxy_protocol needs proxy_trusted",
    bad: base(
      'tls = "implicit"\n[destination.old]',
      'tls = "implicit"\nproxy_protocol = "optional"\n[destination.old]',
    ),
    says: [
      'listener.imap.proxy_trusted: required because proxy_protocol is "optional"',
    ],
    good: base(
      'tls = "implicit"\n[destination.old]',
      'tls = "implicit"\nproxy_protocol = "required"\nproxy_trusted = ["10.0.0.0/8"]\n[destination.old]',
    ),
  },
  {
    rule: "a mapping source has its table",
    bad: base('file.path = "mappings.tsv"\n', ""),
    says: ['mapping.file: required because mapping.source is "file"'],
    good: BASE,
  },
  {
    rule: "an address of a database can be understood",
    bad: plus(
      '[mapping.sql]\nurl = "mysql://db/mail?sslmode=maybe"\nquery = "q"',
    ),
    says: [
      "mapping.sql.url: sslmode is none of disable, prefer, require, verify-ca, verify-full",
    ],
    good: plus(
      '[mapping.sql]\nurl = "mysql://db/mail?sslmode=require"\nquery = "q"',
    ),
  },
  {
    rule: "the address of a cluster's bus can be understood",
    bad: plus('[cluster]\nbus = "redis"\nurl = "redis://:hunter2@one,two"'),
    says: ["cluster.url: names several hosts"],
    good: clustered("redis", "redis+cluster://:hunter2@one,two"),
  },
  {
    rule: "the address of a cluster's bus is one of its kind",
    bad: plus('[cluster]\nbus = "postgres"\nurl = "mysql://u:hunter2@h/d"'),
    says: ["cluster.url: must start with postgres://"],
    good: clustered("postgres", "postgres://u:hunter2@h/d"),
  },
  {
    rule: "an address of Redis can be understood",
    bad: plus('[mapping.redis]\nurl = "redis://:hunter2@one,two"'),
    says: ["mapping.redis.url: names several hosts"],
    good: plus('[mapping.redis]\nurl = "redis+cluster://:hunter2@one,two"'),
  },
  {
    rule: "a SASL mechanism is known",
    bad: plus('[capabilities.pop3]\nsasl = ["PLAIN", "CRAM-MD5"]'),
    says: ["capabilities.pop3.sasl[1]: unknown SASL mechanism", '"CRAM-MD5"'],
    good: plus('[capabilities.pop3]\nsasl = ["plain", "XOAUTH2"]'),
  },
  {
    rule: "a SASL mechanism is named once",
    bad: plus('[capabilities.imap]\nsasl = ["PLAIN", "LOGIN", "plain"]'),
    says: ["capabilities.imap.sasl[2]: PLAIN is named twice"],
    good: plus("[capabilities.imap]\nsasl = []"),
  },
  {
    rule: "a pin has 64 hexadecimal digits",
    bad: base(
      'host = "new.example.com"',
      `host = "new.example.com"\ntls_pinned_cert_sha256 = "${
        "ab:".repeat(31)
      }a"`,
    ),
    says: [
      "destination.new.tls_pinned_cert_sha256: ",
      "64 hexadecimal digits",
      "63 digits",
    ],
    good: base(
      'host = "new.example.com"',
      `host = "new.example.com"\ntls_pinned_cert_sha256 = "${
        "aB:".repeat(31)
      }ab"`,
    ),
  },
  {
    rule: "tls_ca_file does not stand beside a pin",
    bad: base(
      'host = "new.example.com"',
      `host = "new.example.com"\ntls_ca_file = "ca.pem"\ntls_pinned_cert_sha256 = "${
        "a0".repeat(32)
      }"`,
    ),
    says: [
      "destination.new.tls_ca_file: ",
      "no meaning beside tls_pinned_cert_sha256",
    ],
    good: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_ca_file = "ca.pem"',
    ),
  },
  {
    rule: "tls_ca_file does not stand beside tls_allow_invalid_certs",
    bad: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_ca_file = "ca.pem"\ntls_allow_invalid_certs = true',
    ),
    says: [
      "destination.new.tls_ca_file: ",
      "no meaning beside tls_allow_invalid_certs",
    ],
    good: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_ca_file = "ca.pem"\ntls_allow_invalid_certs = false',
    ),
  },
  {
    rule: "tls_crl_file does not stand beside a pin",
    bad: base(
      'host = "new.example.com"',
      `host = "new.example.com"\ntls_crl_file = "ca.crl"\ntls_pinned_cert_sha256 = "${
        "a0".repeat(32)
      }"`,
    ),
    says: [
      "destination.new.tls_crl_file: ",
      "no meaning beside tls_pinned_cert_sha256",
    ],
    good: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_crl_file = "ca.crl"',
    ),
  },
  {
    rule: "tls_crl_file does not stand beside tls_allow_invalid_certs",
    bad: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_crl_file = "ca.crl"\ntls_allow_invalid_certs = true',
    ),
    says: [
      "destination.new.tls_crl_file: ",
      "no meaning beside tls_allow_invalid_certs",
    ],
    good: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_crl_file = "ca.crl"\ntls_allow_invalid_certs = false',
    ),
  },
  {
    rule: "colons in a pin stand between pairs",
    bad: base(
      'host = "new.example.com"',
      `host = "new.example.com"\ntls_pinned_cert_sha256 = "${
        "a".repeat(63)
      }:b"`,
    ),
    says: ["destination.new.tls_pinned_cert_sha256: ", "colons between pairs"],
    good: base(
      'host = "new.example.com"',
      `host = "new.example.com"\ntls_pinned_cert_sha256 = "${"A0".repeat(32)}"`,
    ),
  },
  {
    rule: "a client certificate has its key",
    bad: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_client_cert = "c.pem"',
    ),
    says: [
      "destination.new.tls_client_key: required because tls_client_cert is set",
    ],
    good: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_client_cert = "c.pem"\ntls_client_key = "k.pem"',
    ),
  },
  {
    rule: "a client key has its certificate",
    bad: base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_client_key = "k.pem"',
    ),
    says: [
      "destination.new.tls_client_cert: required because tls_client_key is set",
    ],
    good: BASE,
  },
  {
    rule: "the management API has a token",
    bad: plus('[admin]\nbind = "127.0.0.1:0"'),
    says: ["admin: a token is required"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\nbearer_token = "${TOKEN}"`),
  },
  {
    rule: "the token is long enough",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\nmin_token_len = 33\nbearer_token = "${TOKEN}"`,
    ),
    says: [
      "admin.bearer_token: is too short: 32 characters, min_token_len is 33",
    ],
    good: plus(
      '[admin]\nbind = "127.0.0.1:0"\nmin_token_len = 3\nbearer_token = "abc"',
    ),
  },
  {
    rule: "the token can travel in a header",
    bad: plus(`[admin]\nbind = "127.0.0.1:0"\nbearer_token = "${TOKEN} x"`),
    says: ["admin.bearer_token: must have visible ASCII characters only"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\nbearer_token = "${TOKEN}~!"`),
  },
  {
    rule: "somebody is an admin",
    bad: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "operator")}`),
    says: ["admin: a token is required"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "tokens are told apart by name",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}${
        token("a", "viewer")
      }`,
    ),
    says: ["admin.token[1].name: a is named twice"],
    good: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}${
        token("b", "viewer")
      }`,
    ),
  },
  {
    rule: "the token of [admin] itself keeps its name",
    bad: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("admin", "admin")}`),
    says: ["admin.token[0].name: admin is the token of bearer_token"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "a token is in a file or a hash",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}file = "f"\n`,
    ),
    says: ["admin.token[0]: has file and hash"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "a token's hash is a SHA-256",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${
        token("a", "admin").replace("sha256:", "sha256:0")
      }`,
    ),
    says: [
      'admin.token[0].hash: must be "sha256:" and the SHA-256 of the token',
    ],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "[admin] tls is implicit",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\ntls = "starttls"\nbearer_token = "${TOKEN}"`,
    ),
    says: [
      'admin.tls: must be "implicit" because the management API is never served in clear',
    ],
    good: plus(
      `[admin]\nbind = "127.0.0.1:0"\ntls = "implicit"\nbearer_token = "${TOKEN}"`,
    ),
  },
  {
    rule: "an http listener has routes",
    bad: listener(
      "http",
      'tls = "implicit"\n[destination.old.protocol.http]\nport = 443\ntls = "implicit"',
    ),
    says: [
      "listener.x.protocol: an http listener needs at least one [[http.route]]",
    ],
    good: listener(
      "http",
      'tls = "implicit"\n[destination.old.protocol.http]\nport = 443\ntls = "implicit"\n[[http.route]]\nmatch = "/**"\ndestination = "default"',
    ),
  },
  {
    rule: "an http route names declared destinations",
    bad: plus(
      '[[http.route]]\nmatch = "/**"\nextract = {from = "authorization"}\nfallback = "odl"',
    ),
    says: ["http.route[0].fallback: ", '"odl" is not declared'],
    good: plus(
      '[[http.route]]\nmatch = "/**"\nextract = {from = "authorization"}\nfallback = "new"',
    ),
  },
  {
    rule: "an http route has a destination or an extract",
    bad: plus('[[http.route]]\nmatch = "/**"\nfallback = "old"'),
    says: ["http.route[0]: must have either destination or extract"],
    good: plus('[[http.route]]\nmatch = "/**"\ndestination = "old"'),
  },
  {
    rule: "an extract has the key of its kind",
    bad: plus('[[http.route]]\nmatch = "/**"\nextract = {from = "body"}'),
    says: ['http.route[0].extract.regex: required because from is "body"'],
    good: plus(
      '[[http.route]]\nmatch = "/**"\nextract = {from = "query", param = "u"}',
    ),
  },
  {
    rule: "cipher suites cannot be chosen",
    bad: plus(
      '[tls.protocols]\ndisable_cipher_suites = ["TLS_AES_128_GCM_SHA256"]',
    ),
    says: [
      "tls.protocols.disable_cipher_suites: cipher suites cannot be chosen",
    ],
    good: plus("[tls.protocols]\ndisable_cipher_suites = []"),
  },
  {
    rule: "an address is bound once",
    bad: listener("imap", 'tls = "implicit"').replace(
      "127.0.0.1:2000",
      "127.0.0.1:1993",
    ),
    says: [
      "listener.x.bind[0]: 127.0.0.1:1993 is already bound by listener imap",
    ],
    good: listener("imap", 'tls = "implicit"').replace(
      "127.0.0.1:2000",
      "127.0.0.1:0",
    ),
  },
  {
    rule: "the management API has an address of its own",
    bad: plus(`[admin]\nbind = "127.0.0.1:1993"\nbearer_token = "${TOKEN}"`),
    says: ["admin.bind: 127.0.0.1:1993 is already bound by listener imap"],
    good: plus(`[admin]\nbind = "127.0.0.1:1994"\nbearer_token = "${TOKEN}"`),
  },
  {
    rule: "a runtime socket has an address of its own",
    bad: socket('bind = "127.0.0.1:1993"'),
    says: [
      "runtime.socket[0].bind: 127.0.0.1:1993 is already bound by listener imap",
    ],
    good: socket('bind = "127.0.0.1:1994"'),
  },
  {
    rule: "a runtime socket is somewhere",
    bad: socket('level = "user"'),
    says: ["runtime.socket[0]: either path or bind is required, and not both"],
    good: socket('path = "/run/s"\nuser = "mail"\ngroup = "7"\nmode = "0600"'),
  },
  {
    rule: "a runtime socket is at one place",
    bad: socket('path = "/run/s"\nbind = "[::1]:9999"'),
    says: ["runtime.socket[0]: either path or bind is required, and not both"],
    good: socket('bind = "[::1]:9999"\nlevel = "admin"'),
  },
  {
    rule: "an address has no owner",
    bad: socket('bind = "127.0.0.1:9999"\nuser = "mail"'),
    says: ["runtime.socket[0].user: only a UNIX socket (path) has an owner"],
    good: socket('path = "/run/s"\nuser = "mail"'),
  },
  {
    rule: "nobody is an admin over the network",
    bad: socket('bind = "192.0.2.1:9999"\nlevel = "admin"'),
    says: [
      "runtime.socket[0].level: ",
      "192.0.2.1:9999 is not a loopback address",
    ],
    good: socket('bind = "127.0.0.1:9999"\nlevel = "admin"'),
  },
  {
    rule: "runtime sockets have paths of their own",
    bad: socket('path = "/run/s"\n[[runtime.socket]]\npath = "/run/s"'),
    says: ["runtime.socket[1].path: another socket has the same path"],
    good: socket('path = "/run/s"\n[[runtime.socket]]\npath = "/run/t"'),
  },
  {
    rule: "min_version is a version known here",
    bad: plus("[tls.protocols]\nmin_version = 1.2"),
    says: ['tls.protocols.min_version: must be one of "1.2", "1.3", not 1.2'],
    good: plus('[tls.protocols]\nmin_version = "1.3"'),
  },
];

for (const { rule, bad, says, good } of CASES) {
  Deno.test(`rules: ${rule}`, () => {
    const found = problemsOf(bad);
    assert.ok(
      found.some((line) => says.every((part) => line.includes(part))),
      `${says.join("…")}\nin\n${found.join("\n")}`,
    );
    for (const line of found) assert.match(line, /^c\.toml:\d+: /);
    const left = problemsOf(good).filter((line) => !UNAVAILABLE.test(line));
    assert.deepEqual(left, []);
  });
}

Deno.test("rules: PROXY_ADMIN_TOKEN is a token, and wins over a bad one of the file", () => {
  const text = plus('[admin]\nbind = "127.0.0.1:0"\nbearer_token = "short"');
  assert.deepEqual(
    problemsOf(text, { env: envOf({ PROXY_ADMIN_TOKEN: TOKEN }) }),
    [],
  );
  const [problem] = problemsOf(text, {
    env: envOf({ PROXY_ADMIN_TOKEN: "tiny" }),
  });
  assert.match(problem!, /PROXY_ADMIN_TOKEN is too short/);
});

const WARNED: readonly [string, string, string][] = [
  [
    "tls_allow_invalid_certs",
    base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_allow_invalid_certs = true',
    ),
    "destination.new.tls_allow_invalid_certs: any certificate is accepted",
  ],
  [
    "authorities without TLS",
    `${BASE}[destination.plain]\nhost = "p.test"\ntls_ca_file = "ca.pem"\nprotocol.smtp = {port = 25, tls = "plain"}\n`,
    "destination.plain.tls_ca_file: has no effect: no leg uses TLS",
  ],
  [
    "ignore_client_order",
    plus("[tls.protocols]\nignore_client_order = true"),
    "tls.protocols.ignore_client_order: has no effect",
  ],
  [
    "no certificate",
    BASE.replace(/\[tls[^]*$/, ""),
    "tls.certificate: no certificate is declared",
  ],
  [
    "no listener",
    BASE.replace(/^[^]*?\[destination.old\]/, "[destination.old]"),
    "listener: no listener is declared",
  ],
  [
    "two defaults",
    base(
      'key = "key.pem"',
      'key = "key.pem"\ndefault = true\n[tls.certificate.b]\ncert = "c"\nkey = "k"\ndefault = true',
    ),
    "tls.certificate.b.default: certificate main is the default already",
  ],
  [
    "a runtime socket for every address",
    socket('bind = "*:9999"'),
    "runtime.socket[0].bind: whoever reaches this address may give commands",
  ],
  [
    "proxies with a mapping file each",
    plus('[cluster]\nbus = "redis"\nurl = "redis://host"'),
    "mapping.source: a file is this proxy's own",
  ],
  [
    "capabilities that follow from the state",
    plus('[capabilities.imap]\nadvertise = ["IMAP4rev1", "AUTH=PLAIN"]'),
    "capabilities.imap.advertise[1]: AUTH=PLAIN is added where it applies",
  ],
];

for (const [what, text, says] of WARNED) {
  Deno.test(`rules: warned about: ${what}`, () => {
    assert.deepEqual(problemsOf(text), []);
    const found = warningsOf(text);
    assert.equal(found.length, 1);
    assert.ok(found[0]!.includes(says), found[0]!);
  });
}

Deno.test("rules: a configuration without anything odd has no warnings", () => {
  assert.deepEqual(warningsOf(BASE), []);
});
