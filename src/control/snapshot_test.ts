import assert from "node:assert/strict";
import type { DestinationTrust } from "../config/destination_trust.ts";
import type { Resources } from "../config/resources.ts";
import { httpSchema } from "../config/schema_http.ts";
import { BASE, configOf } from "../config/testing.ts";
import { packRanges } from "../net/cidr.ts";
import { servedAsIs } from "./served.ts";
import { buildSnapshot, type SnapshotParts } from "./snapshot.ts";

const SELF_MADE = { certPem: "self-made", keyPem: "key" };

function resources(
  certificates: { subjects: string[]; isDefault?: boolean }[] = [],
  more: object = {},
): Resources {
  return {
    certificates: certificates.map(({ subjects, isDefault = false }) => ({
      name: subjects[0],
      certPem: `cert ${subjects[0]}`,
      keyPem: "key",
      subjects,
      isDefault,
    })),
    clientCertificates: new Map(),
    trust: new Map(),
    ...more,
  } as unknown as Resources;
}

function build(text = BASE, more: Partial<SnapshotParts> = {}) {
  return buildSnapshot({
    generation: 3,
    served: servedAsIs(configOf(text), resources()),
    workers: 2,
    selfMade: null,
    bind: () => [{ hostname: "127.0.0.1", port: 1993 }],
    trustRoots: ["root a", "root b"],
    rootOf: () => undefined,
    probedImap: ["PROBED"],
    ...more,
  });
}

/** BASE with these lines in its destination "old". */
const withOld = (lines: string) =>
  BASE.replace(
    'host = "old.example.com"',
    `host = "old.example.com"\n${lines}`,
  );

Deno.test("buildSnapshot can be sent to a worker", () => {
  const snapshot = build();
  assert.deepEqual(structuredClone(snapshot), snapshot);
  assert.equal(snapshot.generation, 3);
  assert.equal(snapshot.defaultDestination, "old");
  assert.deepEqual(snapshot.listeners.map(({ name, bind }) => [name, bind]), [
    ["imap", [{ hostname: "127.0.0.1", port: 1993 }]],
  ]);
});

Deno.test("buildSnapshot gives a leg its destination's settings", () => {
  const { destinations } = build(
    withOld(
      'proxy_protocol = false\nhide_auth_errors = true\ntls_server_name = "mail.test"',
    ),
    { rootOf: (leg) => leg.destination === "new" ? "root b" : undefined },
  );
  const old = destinations["old"]!.legs.imap!;
  assert.equal(old.forwarding, "none");
  assert.equal(old.hideAuthErrors, true);
  assert.equal(old.allowPlaintextAuth, false);
  assert.deepEqual(old.trust, {
    kind: "store",
    serverName: "mail.test",
    caCerts: ["root a", "root b"],
  });
  const other = destinations["new"]!.legs.imap!;
  assert.equal(other.port, 143);
  assert.equal(other.forwarding, "proxy");
  assert.deepEqual(other.trust, {
    kind: "store",
    serverName: "new.example.com",
    caCerts: ["root b"],
  });
  assert.equal(other.clientCertificate, undefined);
});

Deno.test("buildSnapshot has a pin in lower case without colons, and it goes before all else", () => {
  const pin = "AB:".repeat(31) + "CD";
  const { destinations } = build(
    withOld(
      `tls_pinned_cert_sha256 = "${pin}"\ntls_allow_invalid_certs = true`,
    ),
  );
  assert.deepEqual(destinations["old"]!.legs.imap!.trust, {
    kind: "pin",
    serverName: "old.example.com",
    sha256: "ab".repeat(31) + "cd",
  });
  const none = build(withOld("tls_allow_invalid_certs = true"));
  assert.equal(none.destinations["old"]!.legs.imap!.trust.kind, "none");
});

Deno.test("buildSnapshot gives a leg its destination's own authorities and lists", () => {
  const revocations = [{
    issuer: "30",
    serials: new Map([[1, Uint8Array.of(5)]]),
    issued: 0,
    points: [],
  }];
  const snapshot = build(BASE, {
    served: servedAsIs(
      configOf(BASE),
      resources([], {
        trust: new Map<string, DestinationTrust>([
          ["new", { authorities: ["own"] }],
          ["old", { revocations }],
        ]),
      }),
    ),
    // One that was found while the host's authorities counted.
    rootOf: () => "root b",
  });
  assert.deepEqual(structuredClone(snapshot), snapshot);
  const { destinations } = snapshot;
  assert.deepEqual(destinations["new"]!.legs.imap!.trust, {
    kind: "authorities",
    serverName: "new.example.com",
    caCerts: ["own"],
  });
  assert.deepEqual(destinations["old"]!.legs.imap!.trust, {
    kind: "store",
    serverName: "old.example.com",
    caCerts: ["root b"],
    revocations,
  });
});

Deno.test("buildSnapshot adds the client certificate to every leg of its destination", () => {
  const pair = { certPem: "client", keyPem: "key" };
  const { destinations } = build(BASE, {
    served: servedAsIs(
      configOf(BASE),
      resources([], { clientCertificates: new Map([["new", pair]]) }),
    ),
  });
  assert.deepEqual(destinations["new"]!.legs.imap!.clientCertificate, pair);
  assert.equal(destinations["old"]!.legs.imap!.clientCertificate, undefined);
});

Deno.test("buildSnapshot puts the self-made certificate behind the others", () => {
  const two = resources([{ subjects: ["a"] }, { subjects: ["b"] }]);
  const served = servedAsIs(configOf(BASE), two);
  const names = (more: Partial<SnapshotParts>) =>
    build(BASE, { served, ...more }).certificates.map((c) => c.certPem);
  assert.deepEqual(names({}), ["cert a", "cert b"]);
  assert.deepEqual(names({ selfMade: SELF_MADE }), [
    "cert a",
    "cert b",
    "self-made",
  ]);
});

Deno.test("buildSnapshot takes what was probed only where that is asked for", () => {
  const advertised = (text: string) => build(text).capabilities.imap.advertise;
  assert.deepEqual(
    advertised(`${BASE}[capabilities.imap]\nadvertise = "probe"`),
    [
      "PROBED",
    ],
  );
  assert.deepEqual(advertised(BASE), [
    "IMAP4rev1",
    "SASL-IR",
    "LITERAL+",
    "ID",
  ]);
});

Deno.test("buildSnapshot has the workers ask only for what is limited", () => {
  const limits = (text: string) => build(`${BASE}[limits]\n${text}\n`).limits;
  assert.equal(limits(""), undefined);
  assert.equal(limits("failure_delay = '2s'"), undefined);
  assert.deepEqual(
    limits(
      "connections_per_address.pop3 = 3\nconnections_per_account.imap = 2",
    ),
    {
      trustedNetworks: [],
      connections: ["pop3"],
      logins: ["imap"],
      failures: false,
    },
  );
  assert.deepEqual(
    limits("trusted_networks = ['10.0.0.0/8']\nfailures_per_address = 5"),
    {
      trustedNetworks: ["10.0.0.0/8"],
      connections: [],
      logins: ["imap", "pop3", "managesieve", "submission", "http"],
      failures: true,
    },
  );
});

Deno.test("buildSnapshot gives listeners the ranges of the acls that they name", () => {
  const text = `${BASE}[acl.office]\n[acl.bad]\n`.replace(
    'tls = "implicit"',
    'tls = "implicit"\nallow = ["office", "bad"]\ndeny = ["bad"]\nproxy_trusted = ["10.0.0.0/8", "acl:office"]',
  );
  const acls = new Map([["office", ["192.0.2.0/24"]], ["bad", ["::/0"]]]);
  const { listeners: [listener] } = build(text, {
    served: servedAsIs(configOf(text), resources([], { acls })),
  });
  const [office, bad] = [packRanges(["192.0.2.0/24"]), packRanges(["::/0"])];
  assert.deepEqual(listener!.allow, [office, bad]);
  assert.deepEqual(listener!.deny, [bad]);
  assert.deepEqual(listener!.proxyTrusted, [
    packRanges(["10.0.0.0/8"]),
    office,
  ]);
  const { listeners: [plain] } = build(BASE);
  assert.equal(plain!.allow, undefined);
  assert.equal(plain!.deny, undefined);
  assert.deepEqual(plain!.proxyTrusted, []);
});

Deno.test("buildSnapshot says how http listeners route", () => {
  assert.equal(build().http, undefined);
  const config = configOf(
    withOld('forwarded = true\nprotocol.http = {port = 443, tls = "implicit"}'),
  );
  const { imap } = config.listener;
  const listener = {
    imap: imap!,
    web: { ...imap!, protocol: "http" as const, forwarded: "trust" as const },
  };
  const http = httpSchema.parse({
    access_log: true,
    route: [
      { match: "/a", destination: "default" },
      { match: "/b", extract: { from: "authorization" }, fallback: "new" },
      { match: "/c", extract: { from: "query", param: "u" } },
      { match: "/d", extract: { from: "header", header: "U" } },
      {
        match: "/e",
        extract: { from: "body", regex: "(u)" },
        fallback: "default",
      },
    ],
  });
  const snapshot = build(BASE, {
    served: servedAsIs({ ...config, listener, http }, resources()),
  });
  assert.deepEqual(snapshot.http, {
    routes: [
      { match: "/a", destination: "old" },
      { match: "/b", extract: { from: "authorization" }, fallback: "new" },
      { match: "/c", extract: { from: "query", param: "u" } },
      { match: "/d", extract: { from: "header", header: "U" } },
      {
        match: "/e",
        extract: { from: "body", regex: "(u)" },
        fallback: "old",
      },
    ],
    bodyExtractCap: 65536,
    maxHeadSize: 65536,
    relayIdle: 60_000,
    keepaliveTimeout: 75_000,
    maxKeepaliveRequests: 1000,
    accessLog: true,
  });
  assert.deepEqual(
    snapshot.listeners.map(({ trustsForwarded }) => trustsForwarded),
    [undefined, true],
  );
  assert.equal(snapshot.destinations["old"]!.legs.http!.forwarded, true);
  assert.equal(snapshot.destinations["new"]!.legs.imap!.forwarded, undefined);
});
