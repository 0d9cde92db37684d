/** Certificates towards clients, and how much of a backend's certificate is believed. */
import assert from "node:assert/strict";
import { Dovecot } from "../support/dovecot.ts";
import { FakeImapBackend } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { Authority, type Certificate } from "../support/certs.ts";
import { destination, Ground, type Table } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, login } from "../support/stage.ts";
import type { Target } from "../support/wire_client.ts";

/** Run openssl s_client against a listener; its output and whether the handshake succeeded. */
async function handshake(
  target: Target,
  ...args: string[]
): Promise<{ ok: boolean; subject: string; issuer: string; output: string }> {
  const process = await new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${target.port}`, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(process.stdout) +
    decoder.decode(process.stderr);
  const field = (name: string) =>
    new RegExp(`^${name}=(.*)$`, "m").exec(output)?.[1] ?? "";
  return {
    ok: process.success,
    subject: field("subject"),
    issuer: field("issuer"),
    output,
  };
}

/** A proxy with one backend that is never reached, for handshakes with clients. */
function listening(ground: Ground, config: Table): Promise<Mailferry> {
  return Mailferry.start({
    ground,
    config: { destination: { old: destination(1, "plain") }, ...config },
  });
}

needs(
  ["openssl"],
  "the certificate follows the name that the client asks for",
  async () => {
    await using ground = await Ground.create();
    const { authority } = ground;
    const files = (certificate: Certificate): Table => ({
      cert: certificate.certFile,
      key: certificate.keyFile,
    });
    const exact = await authority.issue(["mail.a.test"]);
    const wild = await authority.issue(["*.b.test"], { file: "wild" });
    const named = await authority.issue(["unrelated.test"]);
    await using proxy = await listening(ground, {
      tls: {
        certificate: {
          exact: files(exact),
          wild: files(wild),
          named: { ...files(named), subjects: ["c.test"] },
        },
      },
    });
    const expected: [string, RegExp][] = [
      ["mail.a.test", /mail\.a\.test/],
      ["MAIL.A.TEST", /mail\.a\.test/],
      ["x.b.test", /\*\.b\.test/],
      ["c.test", /unrelated\.test/],
      ["imap.c.test", /unrelated\.test/],
      ["nobody.test", /proxy\.test/],
    ];
    for (const name of ["imaps", "imap"]) {
      const upgrade = name === "imap" ? ["-starttls", "imap"] : [];
      for (const [asked, subject] of expected) {
        const seen = await handshake(
          proxy.listener(name),
          "-servername",
          asked,
          ...upgrade,
        );
        assert.match(seen.subject, subject, `${name} ${asked}: ${seen.output}`);
      }
      const none = await handshake(
        proxy.listener(name),
        "-noservername",
        ...upgrade,
      );
      assert.match(none.subject, /proxy\.test/);
    }
  },
);

needs(
  ["openssl"],
  "a single certificate serves every name, and without any a self-signed one does",
  async () => {
    await using ground = await Ground.create();
    const { certFile, keyFile } = ground.certificate;
    await using single = await listening(ground, {
      tls: {
        certificate: { main: { cert: certFile, key: keyFile, default: false } },
      },
    });
    const any = await handshake(
      single.listener("imaps"),
      "-servername",
      "any.test",
    );
    assert.match(any.subject, /proxy\.test/);

    await using none = await listening(ground, { tls: undefined });
    const seen = await handshake(
      none.listener("imaps"),
      "-servername",
      "any.test",
    );
    assert.notEqual(seen.subject, "");
    assert.doesNotMatch(seen.issuer, /Test authority/);
  },
);

needs(
  ["openssl"],
  "min_version 1.3 refuses a client that has 1.2 only; by default 1.2 is taken",
  async () => {
    await using ground = await Ground.create();
    await using strict = await listening(ground, {
      tls: { protocols: { min_version: "1.3" } },
    });
    for (const name of ["imaps", "imap"]) {
      const upgrade = name === "imap" ? ["-starttls", "imap"] : [];
      const target = strict.listener(name);
      const old = await handshake(target, "-tls1_2", ...upgrade);
      assert.equal(old.ok, false, name);
      assert.match(old.output, /protocol version/, name);
      const current = await handshake(target, "-tls1_3", ...upgrade);
      assert.equal(current.ok, true, current.output);
    }
    await using lax = await listening(ground, {});
    const old = await handshake(lax.listener("imaps"), "-tls1_2");
    assert.equal(old.ok, true, old.output);
  },
);

Deno.test("a leg's certificate is verified, pinned or not, as the destination says", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const good = await authority.issue(["backend.test"]);
  const wrongName = await authority.issue(["other.test"]);
  const authorityCert = await authority.selfSigned("backend.test");
  const elsewhere = await Authority.create(
    await Deno.makeTempDir({ dir: ground.folder }),
  );
  const stranger = await elsewhere.issue(["backend.test"]);
  const strangerName = await elsewhere.issue(["other.test"]);
  const own = { tls_ca_file: elsewhere.file };
  const colons = (hex: string) => hex.toUpperCase().match(/../g)!.join(":");
  const cases: [string, Certificate, Table, boolean][] = [
    ["verified", good, {}, true],
    ["wrong name", wrongName, {}, false],
    ["unknown authority", stranger, {}, false],
    ["CA:TRUE", authorityCert, {}, false],
    ["own authority", stranger, own, true],
    ["own authority, wrong name", strangerName, own, false],
    ["own authority, in place of the host's", good, own, false],
    ["pinned", good, { tls_pinned_cert_sha256: good.sha256 }, true],
    ["pinned CA:TRUE", authorityCert, {
      tls_pinned_cert_sha256: colons(authorityCert.sha256),
    }, true],
    ["pinned, wrong name", wrongName, {
      tls_pinned_cert_sha256: wrongName.sha256,
    }, true],
    ["wrong pin", good, { tls_pinned_cert_sha256: stranger.sha256 }, false],
    ["unverified", stranger, { tls_allow_invalid_certs: true }, true],
    ["unverified, wrong name", wrongName, {
      tls_allow_invalid_certs: true,
    }, true],
    ["wrong pin, unverified", good, {
      tls_pinned_cert_sha256: stranger.sha256,
      tls_allow_invalid_certs: true,
    }, false],
  ];
  // Each has a backend of its own, and an account on it.
  await using backends = new AsyncDisposableStack();
  const legs = cases.flatMap(([what, certificate, over, accepted], i) =>
    (["implicit", "starttls"] as const).map((tls) => {
      const name = `${tls}-${i}`;
      const old = backends.use(new FakeImapBackend({ name, tls, certificate }));
      return {
        what,
        name,
        old,
        accepted,
        at: destination(old.port, tls, over),
      };
    })
  );
  await using proxy = await Mailferry.start({
    ground,
    mappings: Object.fromEntries(legs.map(({ name }) => [name, name])),
    config: {
      routing: { default_destination: legs[0]!.name },
      destination: Object.fromEntries(legs.map(({ name, at }) => [name, at])),
    },
  });
  for (const { what, name, old, accepted } of legs) {
    using client = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
    const { status, text } = await client.transact(login(name));
    const how = `${what}, ${name}: ${text}`;
    if (accepted) {
      assert.equal(status, "OK", how);
      assert.equal((await client.transact("NOOP")).text, `NOOP ${name}`);
    } else {
      assert.equal(status, "NO", how);
      assert.match(text, /^\[UNAVAILABLE\]/, how);
      const seen = old.connections.flatMap(({ credentials }) => credentials);
      assert.equal(seen.length, 0, `${how}: credentials went out`);
    }
  }
});

needs(
  ["dovecot"],
  "a client certificate is shown to the backend that asks for it",
  async () => {
    await using ground = await Ground.create();
    await using old = await Dovecot.start({
      name: "old",
      folder: ground.folder,
      authority: ground.authority,
      forwarding: "none",
      clientCertificate: true,
    });
    const own = await ground.authority.issue(["proxy.test"], {
      file: "towards-backend",
      usage: "client",
    });
    for (const tls of ["implicit", "starttls"] as const) {
      await using with_ = await Mailferry.start({
        ground,
        config: {
          destination: {
            old: {
              ...old.destination(tls),
              tls_client_cert: own.certFile,
              tls_client_key: own.keyFile,
            },
          },
        },
      });
      using client = await ImapClient.tls(with_.listener("imaps"), with_.ca);
      const shown = await client.transact(login(ALICE));
      assert.equal(shown.status, "OK", shown.text);
      assert.equal((await client.transact("SELECT INBOX")).status, "OK");

      await using without = await Mailferry.start({
        ground,
        config: { destination: { old: old.destination(tls) } },
      });
      using other = await ImapClient.tls(without.listener("imaps"), without.ca);
      const missing = await other.transact(login(ALICE));
      assert.equal(missing.status, "NO");
    }
  },
);

Deno.test("a certificate that cannot be used ends the start with 78 and names the file", async () => {
  await using ground = await Ground.create();
  const other = await ground.authority.issue(["other.test"]);
  const cases: [Table, string][] = [
    [{ cert: `${ground.folder}/missing.pem` }, "missing.pem"],
    [{ key: other.keyFile }, other.keyFile],
  ];
  for (const [main, named] of cases) {
    await using proxy = await Mailferry.spawn({
      ground,
      config: {
        tls: { certificate: { main } },
        destination: { old: destination(1, "plain") },
      },
    });
    assert.equal((await proxy.exited).code, 78);
    const said = JSON.stringify(proxy.log) + proxy.noise.join("\n");
    assert.ok(said.includes(named), said);
  }
});
