import { TOKEN } from "../testing.ts";
import { base, listener, plus, testRules } from "./testing.ts";

testRules([
  {
    rule: "a listener for smtp has no starttls",
    bad: listener("smtp", 'tls = "starttls"'),
    says: ["listener.x.tls: starttls is not possible for smtp"],
    good: base('tls = "implicit"', 'tls = "starttls"'),
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
    rule: "min_version is a version known here",
    bad: plus("[tls.protocols]\nmin_version = 1.2"),
    says: ['tls.protocols.min_version: must be one of "1.2", "1.3", not 1.2'],
    good: plus('[tls.protocols]\nmin_version = "1.3"'),
  },
]);
