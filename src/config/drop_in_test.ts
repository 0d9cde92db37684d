import assert from "node:assert/strict";
import { problemsOf, warningsOf } from "./testing.ts";

/** Files as operators of the reference have them: nothing may be wrong but what is not delivered yet. */
const LEGACY = `
[server]
hostname = "mail.example.com"
shutdown_grace = "1m"
[tls.certificate.default]
cert = "/etc/proxy/tls/fullchain.pem"
key = "/etc/proxy/tls/privkey.pem"
default = true
[mapping]
source = "sql"
normalize = "lowercase"
negative_ttl = "30s"
positive_ttl = "10m"
[mapping.sql]
url = "mysql://proxy:secret@db/mail"
query = "SELECT destination FROM accounts WHERE login = ?"
[routing]
default_destination = "legacy"
smtp_passthrough_destination = "next"
[destination.legacy]
host = "10.0.1.10"
tls_server_name = "mail.legacy.example.com"
forwarding = "xclient"
tls_pinned_cert_sha256 = "${Array.from({ length: 32 }, () => "aB").join(":")}"
[destination.legacy.protocol.imap]
port = 143
tls = "starttls"
[destination.legacy.protocol.pop3]
port = 110
tls = "starttls"
[destination.legacy.protocol.submission]
port = 587
tls = "starttls"
[destination.legacy.protocol.managesieve]
port = 4190
tls = "starttls"
[destination.legacy.protocol.http]
port = 443
tls = "implicit"
[destination.next]
host = "10.0.1.20"
tls_server_name = "next.example.com"
proxy_protocol = true
forwarding = "proxy"
forwarded = true
[destination.next.protocol.imap]
port = 993
tls = "implicit"
[destination.next.protocol.smtp]
port = 25
tls = "plain"
[destination.next.protocol.lmtp]
port = 24
tls = "plain"
[listener.imaps]
protocol = "imap"
bind = ["0.0.0.0:993", "[::]:993"]
tls = "implicit"
proxy_protocol = "optional"
proxy_trusted = ["10.0.0.0/8", "fd00::/8"]
[listener.pop3]
protocol = "pop3"
bind = ["0.0.0.0:110"]
tls = "starttls"
[listener.submission]
protocol = "submission"
bind = ["0.0.0.0:587"]
tls = "starttls"
[listener.sieve]
protocol = "managesieve"
bind = ["0.0.0.0:4190"]
tls = "starttls"
[listener.smtp]
protocol = "smtp"
bind = ["0.0.0.0:25"]
tls = "plain"
[listener.lmtp]
protocol = "lmtp"
bind = ["127.0.0.1:24"]
tls = "plain"
[listener.https]
protocol = "http"
bind = ["0.0.0.0:443"]
tls = "implicit"
forwarded = "trust"
[[http.route]]
match = "/.well-known/**"
destination = "legacy"
[[http.route]]
match = "/**"
extract = { from = "authorization" }
fallback = "default"
[capabilities.managesieve]
sieve = "fileinto reject vacation"
[admin]
bind = "127.0.0.1:9443"
tls = "implicit"
bearer_token_file = "/etc/proxy/admin.token"
min_token_len = 32
lockout_threshold = 5
lockout_duration = "5m"
`;

Deno.test("a file written for the reference has no problem", () => {
  assert.deepEqual(problemsOf(LEGACY), []);
  assert.deepEqual(warningsOf(LEGACY), []);
});
