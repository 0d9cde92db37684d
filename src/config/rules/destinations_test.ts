import { BASE } from "../testing.ts";
import { base, listener, plus, testRules } from "./testing.ts";

testRules([
  ...["smtp", "lmtp", "http"].map((protocol) => ({
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
]);
