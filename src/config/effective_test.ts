import assert from "node:assert/strict";
import {
  advertisedEhlo,
  advertisedImap,
  destinationOf,
  legForwarding,
  legOf,
  serverName,
} from "./effective.ts";
import { BASE, configOf } from "./testing.ts";

Deno.test("legForwarding: the leg, then the destination, then proxy_protocol", () => {
  const forwarding = (destination: string, leg: string) =>
    legForwarding(
      configOf(
        BASE.replace(
          'host = "new.example.com"',
          `host = "new.example.com"\n${destination}`,
        )
          .replace('tls = "starttls"}', `tls = "starttls"${leg}}`),
      ),
      "new",
      "imap",
    );
  assert.equal(forwarding("", ""), "proxy");
  assert.equal(forwarding("proxy_protocol = false", ""), "none");
  assert.equal(
    forwarding('proxy_protocol = true\nforwarding = "xclient"', ""),
    "xclient",
  );
  assert.equal(
    forwarding('proxy_protocol = false\nforwarding = "proxy"', ""),
    "proxy",
  );
  assert.equal(
    forwarding('forwarding = "xclient"', ', forwarding = "none"'),
    "none",
  );
});

Deno.test("legForwarding: there is no XCLIENT in HTTP", () => {
  const forwarding = (way: string) =>
    legForwarding(
      configOf(
        BASE.replace(
          'host = "new.example.com"',
          `host = "new.example.com"\nforwarding = "${way}"\nprotocol.http = {port = 443, tls = "implicit"}`,
        ),
      ),
      "new",
      "http",
    );
  assert.equal(forwarding("xclient"), "none");
  assert.equal(forwarding("proxy"), "proxy");
});

Deno.test("destinationOf and legOf find what is declared alone", () => {
  const config = structuredClone(configOf(BASE));
  assert.equal(destinationOf(config, "old")?.host, "old.example.com");
  assert.equal(destinationOf(config, "constructor"), undefined);
  assert.equal(legOf(config, "new", "imap")?.port, 143);
  assert.equal(legOf(config, "new", "pop3"), undefined);
  assert.equal(legOf(config, "toString", "imap"), undefined);
});

Deno.test("serverName is tls_server_name or the host", () => {
  const config = configOf(
    BASE.replace(
      'host = "new.example.com"',
      'host = "10.0.0.1"\ntls_server_name = "n.example"',
    ),
  );
  assert.equal(serverName(config.destination["new"]!), "n.example");
  assert.equal(serverName(config.destination["old"]!), "old.example.com");
});

Deno.test("advertised lists leave out what follows from the connection", () => {
  const config = configOf(
    `${BASE}[capabilities.imap]\nadvertise = ["IMAP4rev1", "STARTTLS", "AUTH=PLAIN", "logindisabled", "ID"]\n[capabilities.submission]\nehlo = ["AUTH PLAIN", "SIZE 10", "STARTTLS", "XCLIENT ADDR"]\n`,
  );
  assert.deepEqual(advertisedImap(config), ["IMAP4rev1", "ID"]);
  assert.deepEqual(advertisedEhlo(config), ["SIZE 10"]);
  const probe = configOf(`${BASE}[capabilities.imap]\nadvertise = "probe"\n`);
  assert.equal(advertisedImap(probe), "probe");
});
