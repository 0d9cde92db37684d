/** Backends whose certificate their authority has revoked, with authorities made by openssl. */
import assert from "node:assert/strict";
import { FakeImapBackend } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry, run } from "../support/mailferry.ts";
import { OpensslAuthority } from "../support/openssl_authority.ts";
import {
  baseConfig,
  destination,
  Ground,
  merge,
  writeConfig,
} from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, login } from "../support/stage.ts";

/** A backend whose certificate an authority of the operator's own has signed. */
async function backendOf(
  authority: OpensslAuthority,
  tls: "implicit" | "starttls",
) {
  const certificate = await authority.issue("backend.test");
  const backend = new FakeImapBackend({ name: "old", tls, certificate });
  return {
    backend,
    serial: certificate.serial,
    /** A destination that looks into `list`. */
    destination: (list: string) =>
      destination(backend.port, tls, {
        tls_ca_file: authority.file,
        tls_crl_file: list,
      }),
    credentials: () => backend.connections.flatMap((c) => c.credentials).length,
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

/** One login; the answer to it. */
async function answer(proxy: Mailferry): Promise<string> {
  using client = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
  const { status, text } = await client.transact(login(ALICE));
  return `${status} ${text}`;
}

for (const tls of ["implicit", "starttls"] as const) {
  needs(
    ["openssl"],
    `a revoked backend gets no credential, from the reload on that brings the list (${tls})`,
    async () => {
      await using ground = await Ground.create();
      const authority = await OpensslAuthority.create(ground.folder);
      await using old = await backendOf(authority, tls);
      const other = await authority.issue("backend.test");
      const good = await authority.revoke([other.serial]);
      await using proxy = await Mailferry.start({
        ground,
        config: { destination: { old: old.destination(good) } },
      });
      using open = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
      assert.equal((await open.transact(login(ALICE))).status, "OK");
      assert.equal((await open.transact("NOOP")).text, "NOOP old");
      const before = old.credentials();

      const list = await authority.revoke([other.serial, old.serial]);
      // The file has another content under the same name.
      await Deno.copyFile(await authority.toDer(list), good);
      await proxy.ask("POST", "/config/reload");
      assert.match(await answer(proxy), /^NO \[UNAVAILABLE\]/);
      const { reason } = await proxy.event("login_unavailable");
      assert.match(
        String(reason),
        new RegExp(
          `certificate was revoked .*serial number ${old.serial}`,
          "i",
        ),
      );
      assert.equal(old.credentials(), before);
      // Sessions that are there already go on.
      assert.equal((await open.transact("NOOP")).text, "NOOP old");
    },
  );
}

needs(
  ["openssl"],
  "a list of 100,000 entries, one that has run out, and one of another authority",
  async () => {
    await using ground = await Ground.create();
    const authority = await OpensslAuthority.create(ground.folder);
    await using old = await backendOf(authority, "implicit");
    const many = Array.from(
      { length: 100_000 },
      (_, i) => `7${i.toString(16).toUpperCase().padStart(31, "0")}`,
    );
    const elsewhere = await OpensslAuthority.create(ground.folder);
    const past = [
      ...["-crl_lastupdate", "20260101000000Z"],
      ...["-crl_nextupdate", "20260102000000Z"],
    ];
    const cases: [string, string, RegExp, RegExp | null][] = [
      ["long", await authority.revoke(many), /^OK/, null],
      [
        "long, and in it",
        await authority.revoke([...many, old.serial]),
        /^NO/,
        null,
      ],
      [
        "run out",
        await authority.revoke([], ...past),
        /^OK/,
        /destination\.old\.tls_crl_file: the list of .* ran out on 2026-01-02/,
      ],
      [
        "run out, and in it",
        await authority.revoke([old.serial], ...past),
        /^NO/,
        /ran out/,
      ],
      [
        "of another authority",
        await elsewhere.revoke([]),
        /^NO/,
        /signature of the list of .* is not checked/,
      ],
    ];
    for (const [what, list, expected, warned] of cases) {
      const seen = old.credentials();
      await using proxy = await Mailferry.start({
        ground,
        config: { destination: { old: old.destination(list) } },
      });
      assert.match(await answer(proxy), expected, what);
      if (!expected.test("OK")) assert.equal(old.credentials(), seen, what);
      const warnings = proxy.log
        .filter(({ event }) => event === "config_warning")
        .map(({ problem }) => String(problem))
        .filter((problem) => problem.includes("tls_crl_file"));
      assert.equal(warnings.length, warned ? 1 : 0, String(warnings));
      if (warned) assert.match(warnings[0]!, warned, what);
    }
  },
);

needs(
  ["openssl"],
  "check refuses a list that another authority signed, and --probe says that a backend is revoked",
  async () => {
    await using ground = await Ground.create();
    const authority = await OpensslAuthority.create(ground.folder);
    await using old = await backendOf(authority, "implicit");
    const probe = async (list: string) => {
      const config = merge(baseConfig(ground), {
        destination: { old: old.destination(list) },
      });
      await Deno.writeTextFile(`${ground.folder}/mappings`, "");
      const file = await writeConfig(ground, config);
      return await run(["check", "--probe", file]);
    };
    const good = await probe(await authority.revoke([]));
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /verified as backend\.test by .*ca\.pem, not in/);

    const revoked = await probe(await authority.revoke([old.serial]));
    assert.equal(revoked.code, 1);
    assert.match(revoked.stdout, /FAILED at tls: .*certificate was revoked/);
    assert.match(
      revoked.stdout,
      /likely cause: the certificate is in tls_crl_file/,
    );

    // A list by somebody who only calls himself so.
    const forger = await OpensslAuthority.create(ground.folder, {
      name: authority.name,
    });
    const forged = await probe(await forger.revoke([]));
    assert.equal(forged.code, 78);
    assert.match(
      forged.stderr,
      /destination\.old\.tls_crl_file: cannot use .*: the list is not signed by /,
    );
  },
);
