import { BASE } from "../testing.ts";
import { base, listener, plus, testRules } from "./testing.ts";

testRules([
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
    rule: "an address of Redis can be understood",
    bad: plus('[mapping.redis]\nurl = "redis://:hunter2@one,two"'),
    says: ["mapping.redis.url: names several hosts"],
    good: plus('[mapping.redis]\nurl = "redis+cluster://:hunter2@one,two"'),
  },
]);
