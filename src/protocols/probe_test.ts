import assert from "node:assert/strict";
import { nameOf } from "../../tests/support/certs.ts";
import { leg } from "../../tests/support/data_plane.ts";
import {
  type BackendOptions,
  FakeImapBackend,
} from "../../tests/support/fake_imap_backend.ts";
import { FakeHttpBackend } from "../../tests/support/fake_http_backend.ts";
import { refusedPort } from "../../tests/support/ports.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { Backend } from "../../tests/support/recipient_stage.ts";
import { within } from "../../tests/support/wait.ts";
import { libc } from "../net/libc.ts";
import type { LegSnapshot } from "../port/snapshot.ts";
import { probeLeg, type ProbeResult } from "./probe.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const TIMEOUT = 600;

/** Probe a backend that behaves so over a leg that is set so. */
async function probe(
  backend: Partial<BackendOptions>,
  settings: (ground: Ground) => Partial<LegSnapshot>,
): Promise<ProbeResult> {
  await using ground = await Ground.create();
  await using server = new FakeImapBackend({
    name: "backend",
    tls: "plain",
    certificate: ground.certificate,
    ...backend,
  });
  return await within(
    "probe",
    probeLeg(leg(server.port, settings(ground)), TIMEOUT),
    60_000,
  );
}

const verified = (ground: Ground, serverName = "localhost") => ({
  kind: "store" as const,
  serverName,
  caCerts: [ground.authority.pem],
});

async function cause(
  backend: Partial<BackendOptions>,
  settings: (ground: Ground) => Partial<LegSnapshot>,
): Promise<string> {
  const result = await probe(backend, settings);
  assert.equal(result.ok, false);
  return result.cause;
}

Deno.test("probeLeg says what a leg offers", async () => {
  for (const tls of ["plain", "starttls", "implicit"] as const) {
    for (const proxy of [false, true]) {
      const result = await probe(
        { tls, proxy, capability: ["IMAP4rev1", "IDLE", "STARTTLS"] },
        (ground) => ({
          tls,
          forwarding: proxy ? "proxy" : "none",
          trust: verified(ground),
        }),
      );
      assert.ok(result.ok, JSON.stringify(result));
      assert.ok(result.offer.capabilities.has("IDLE"));
    }
  }
});

Deno.test("probeLeg says hello to mail servers that have no login", async () => {
  await using ground = await Ground.create();
  for (const protocol of ["smtp", "lmtp"] as const) {
    await using server = new Backend(ground, protocol);
    const result = await probeLeg(leg(server.port, { protocol }), TIMEOUT);
    assert.ok(result.ok, JSON.stringify(result));
    assert.ok(result.offer.capabilities.has("8BITMIME"));
    const hello = protocol === "lmtp" ? /^LHLO / : /^EHLO /;
    assert.match(server.commands[0]![0]!, hello);
  }
  await using other = new FakeImapBackend({
    name: "other",
    tls: "plain",
    certificate: ground.certificate,
  });
  const result = await probeLeg(leg(other.port, { protocol: "lmtp" }), TIMEOUT);
  assert.ok(!result.ok);
  assert.match(result.cause, /does not speak lmtp as the leg expects$/);
});

Deno.test("probeLeg asks an HTTP server what it speaks, and whether a PROXY header comes first", async () => {
  for (const proxy of [false, true]) {
    await using server = new FakeHttpBackend({ name: "web", proxy });
    server.answer = (talk) => talk.reply(405);
    const right = { protocol: "http", forwarding: proxy ? "proxy" : "none" };
    const result = await probeLeg(
      leg(server.port, right as Partial<LegSnapshot>),
      TIMEOUT,
    );
    assert.ok(result.ok, JSON.stringify(result));
    assert.ok(result.offer.capabilities.has("HTTP/1.1"));
    const [request] = server.connections.flatMap(({ requests }) => requests);
    assert.equal(`${request!.method} ${request!.target}`, "OPTIONS *");
  }
  await using ground = await Ground.create();
  await using other = new FakeImapBackend({
    name: "other",
    tls: "plain",
    certificate: ground.certificate,
  });
  const result = await probeLeg(leg(other.port, { protocol: "http" }), TIMEOUT);
  assert.ok(!result.ok);
  assert.match(result.cause, /does not speak http as the leg expects$/);
});

Deno.test("probeLeg names a port on which nobody listens", async () => {
  const port = refusedPort();
  const result = await probeLeg(leg(port), TIMEOUT);
  assert.ok(!result.ok);
  assert.equal(result.stage, "connect");
  assert.equal(
    result.cause,
    `nothing listens on 127.0.0.1 port ${port}: check host and port, and whether the server runs`,
  );
});

Deno.test("probeLeg names a host that is not known", async () => {
  const result = await probeLeg(leg(1, { host: "nohost.invalid" }), 5000);
  assert.ok(!result.ok);
  assert.equal(result.stage, "resolve");
  assert.match(result.cause, /^the name nohost\.invalid is not known/);
});

Deno.test("probeLeg finds out that a PROXY header is expected, or not", async () => {
  assert.match(
    await cause({ proxy: true }, () => ({ forwarding: "none" })),
    /^the backend expects a PROXY header/,
  );
  assert.match(
    await cause({}, () => ({ forwarding: "proxy" })),
    /^the backend does not expect a PROXY header/,
  );
});

Deno.test("probeLeg finds out in which way the backend does TLS", async () => {
  const ways = [
    ["plain", "implicit"],
    ["implicit", "plain"],
    ["implicit", "starttls"],
    ["starttls", "implicit"],
  ] as const;
  for (const [does, asked] of ways) {
    assert.equal(
      await cause(
        {
          tls: does,
          capability: ["IMAP4rev1", ...does === "starttls" ? ["STARTTLS"] : []],
        },
        (ground) => ({ tls: asked, trust: verified(ground) }),
      ),
      `the backend answers with tls = "${does}" there, not with "${asked}"`,
    );
  }
});

Deno.test("probeLeg names what is wrong with a certificate", async () => {
  const tls = "implicit";
  assert.match(
    await cause({ tls }, (ground) => ({
      tls,
      trust: { ...verified(ground), caCerts: [] },
    })),
    /not signed by an authority that this host trusts/,
  );
  assert.equal(
    await cause({ tls }, (ground) => ({
      tls,
      trust: verified(ground, "other.test"),
    })),
    "the certificate is not for other.test: set tls_server_name to a name that it has",
  );
  assert.match(
    await cause({ tls }, () => ({
      tls,
      trust: { kind: "pin", serverName: "a.test", sha256: "0".repeat(64) },
    })),
    /another certificate than the pinned one/,
  );
});

Deno.test("probeLeg names what is wrong with a certificate of an authority of the destination's own", async () => {
  const tls = "implicit";
  await using stranger = await Ground.create();
  const own = (ground: Ground, more: object = {}) => ({
    tls,
    trust: { ...verified(ground), kind: "authorities", ...more },
  } as const);
  const good = await probe({ tls }, (ground) => own(ground));
  assert.ok(good.ok, JSON.stringify(good));
  const list = (ground: Ground, serial: Uint8Array) => ({
    issuer: nameOf(ground.authority.pem),
    serials: new Map([[serial.length, serial]]),
    issued: 0,
    points: [],
  });
  // The ground's certificate is the first that its authority signed.
  const revoked = Uint8Array.of(2);
  const listed = await probe(
    { tls },
    (ground) =>
      own(ground, { revocations: [list(ground, revoked.map(() => 9))] }),
  );
  assert.ok(listed.ok, JSON.stringify(listed));
  const cases: [(ground: Ground) => object, RegExp][] = [
    [
      () => ({ caCerts: [stranger.authority.pem] }),
      /not signed by an authority in tls_ca_file: add/,
    ],
    [
      (ground) => ({ revocations: [list(ground, revoked)] }),
      /^the certificate is in tls_crl_file/,
    ],
    [
      () => ({ revocations: [list(stranger, revoked)] }),
      /^tls_crl_file has no list of the authority/,
    ],
    [
      (ground) => ({
        revocations: [list(ground, revoked)],
        caCerts: [stranger.authority.pem],
      }),
      /not signed by an authority in tls_ca_file: add/,
    ],
    [
      (ground) => ({
        revocations: [list(ground, revoked)],
        serverName: "other.test",
      }),
      /^the certificate is not for other\.test/,
    ],
  ];
  for (const [more, expected] of cases) {
    assert.match(
      await cause({ tls }, (ground) => own(ground, more(ground))),
      expected,
    );
  }
});

Deno.test("probeLeg names a certificate that is marked as an authority", async () => {
  await using ground = await Ground.create();
  const certificate = await ground.authority.selfSigned("localhost");
  await using server = new FakeImapBackend({
    name: "backend",
    tls: "implicit",
    certificate,
  });
  const trust = { ...verified(ground), caCerts: [certificate.certPem] };
  const result = await probeLeg(
    leg(server.port, { tls: "implicit", trust }),
    TIMEOUT,
  );
  assert.ok(!result.ok);
  assert.match(result.cause, /CA:TRUE/);
});

Deno.test("probeLeg gives up a backend that says nothing, in every stage", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  void (async () => {
    for await (const connection of silent) open.push(connection);
  })();
  for (const tls of ["plain", "implicit", "starttls"] as const) {
    for (const kind of ["none", "store"] as const) {
      const trust = { kind, serverName: "localhost", caCerts: [] };
      const result = await within(
        "probe",
        probeLeg(leg(silent.addr.port, { tls, trust }), 100),
      );
      assert.ok(!result.ok);
      assert.match(result.message, /^no answer in time: /);
      assert.match(result.cause, /is reachable but does not speak imap/);
    }
  }
  for (const connection of open) connection.close();
});
