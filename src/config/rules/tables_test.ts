import { listener, plus, testRules } from "./testing.ts";

testRules([
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
]);
