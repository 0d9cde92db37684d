/** The authority that signs for what has no certificate, as clients, operators and a crash meet it. */
import assert from "node:assert/strict";
import { Disk } from "../support/disk.ts";
import { executable, Mailferry, run } from "../support/mailferry.ts";
import { openssl } from "../support/openssl_client.ts";
import {
  destination,
  Ground,
  merge,
  type Table,
  TOKEN,
} from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { within } from "../support/wait.ts";

/** Without a certificate; with a state directory unless told otherwise. */
function bareConfig(ground: Ground, more: Table = {}): Table {
  return merge({
    server: { state_dir: `${ground.folder}/state` },
    tls: undefined,
    destination: { old: destination(1, "plain") },
  }, more);
}

const bare = (ground: Ground, more: Table = {}) =>
  Mailferry.start({ ground, config: bareConfig(ground, more) });

/** One request with curl, which verifies by these authorities, or not at all. */
async function curl(
  proxy: Mailferry,
  path: string,
  caFile: string | null,
): Promise<{ code: number; out: string }> {
  const { code, stdout } = await new Deno.Command("curl", {
    args: [
      ...["-sS", "--noproxy", "*", "-H", `Authorization: Bearer ${TOKEN}`],
      ...(caFile === null ? ["--insecure"] : ["--cacert", caFile]),
      proxy.adminUrl + path,
    ],
    stdin: "null",
    stderr: "null",
  }).output();
  return { code, out: new TextDecoder().decode(stdout) };
}

const root = async (proxy: Mailferry): Promise<string> =>
  JSON.parse((await curl(proxy, "/pki/ca/local", null)).out).root_certificate;

/** Writes the root to a file of its own. */
async function rootFile(ground: Ground, proxy: Mailferry): Promise<string> {
  const file = `${ground.folder}/root.pem`;
  await Deno.writeTextFile(file, await root(proxy));
  return file;
}

/** Runs openssl to its end. */
async function tool(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("openssl", {
    args,
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(success ? stdout : stderr);
  if (!success) throw new Error(said);
  return said;
}

needs(
  ["curl", "openssl"],
  "what has no certificate gets one that whoever trusts the root accepts",
  async () => {
    await using ground = await Ground.create();
    await using proxy = await bare(ground);
    const file = await rootFile(ground, proxy);
    assert.equal((await curl(proxy, "/stats", file)).code, 0);
    assert.notEqual(
      (await curl(proxy, "/stats", ground.authority.file)).code,
      0,
    );

    const chain = await curl(proxy, "/pki/ca/local/certificates", file);
    const chainFile = `${ground.folder}/chain.pem`;
    await Deno.writeTextFile(chainFile, chain.out);
    await tool("verify", "-x509_strict", "-CAfile", file, chainFile);
    assert.match(
      await tool("x509", "-noout", "-subject", "-in", chainFile),
      /Intermediate/,
    );

    for (
      const [name, ...upgrade] of [["imaps"], ["imap", "-starttls", "imap"]]
    ) {
      const { connected, output } = await openssl(
        proxy.listener(name!).port,
        ...["-CAfile", file, "-verify_return_error", "-x509_strict"],
        ...["-verify_hostname", "proxy.test", "-servername", "any.test"],
        ...upgrade,
      );
      assert.ok(connected, output);
      assert.match(output, /Verify return code: 0/);
      const leaf =
        /-----BEGIN[^]+?-----END CERTIFICATE-----\n/.exec(output)![0];
      const leafFile = `${ground.folder}/leaf.pem`;
      await Deno.writeTextFile(leafFile, leaf);
      assert.match(
        await tool("x509", "-noout", "-ext", "subjectAltName", "-in", leafFile),
        /Alternative Name: \n +DNS:proxy\.test\n$/,
        "what a client asks for is never signed",
      );
    }
    const { out } = await curl(proxy, "/pki/ca/other", file);
    assert.equal(out, "unknown certificate authority\n");
    const kept = await Deno.stat(`${ground.folder}/state/authority.pem`);
    assert.equal(kept.mode! & 0o777, 0o600);
  },
);

needs(
  ["curl"],
  "the root survives a restart, and so do those who trust it",
  async () => {
    await using ground = await Ground.create();
    let file: string;
    {
      await using proxy = await bare(ground);
      file = await rootFile(ground, proxy);
      assert.equal(proxy.count("authority_created"), 1);
      assert.equal(proxy.count("authority_not_kept"), 0);
    }
    await using proxy = await bare(ground);
    assert.equal((await curl(proxy, "/stats", file)).code, 0);
    assert.equal(proxy.count("authority_created"), 0);
    await proxy.reconfigure({ server: { hostname: "other.test" } });
    proxy.signal("SIGHUP");
    await proxy.event("config_reloaded");
    assert.equal((await curl(proxy, "/stats", file)).code, 0);
    const { output } = await openssl(
      proxy.listener("imaps").port,
      ...["-CAfile", file, "-verify_hostname", "other.test"],
    );
    assert.match(
      output,
      /Verify return code: 0/,
      "a reload signs the new name",
    );
  },
);

needs(
  ["curl"],
  "without a state directory there is another root after a restart, and the log says so once",
  async () => {
    await using ground = await Ground.create();
    const config = { server: { state_dir: undefined } };
    const seen: string[] = [];
    for (let i = 0; i < 2; i++) {
      await using proxy = await bare(ground, config);
      seen.push(await root(proxy));
      proxy.signal("SIGHUP");
      await proxy.event("config_reloaded");
      assert.equal(await root(proxy), seen[i]);
      assert.equal(proxy.count("authority_not_kept"), 1);
    }
    assert.notEqual(seen[0], seen[1]);
  },
);

needs(
  ["curl"],
  "the authority is made when it is first asked for, where nothing needs it before",
  async () => {
    await using ground = await Ground.create();
    const { certFile: cert, keyFile: key } = ground.certificate;
    const file = `${ground.folder}/state/authority.pem`;
    await using proxy = await bare(ground, {
      tls: { certificate: { main: { cert, key } } },
    });
    const exists = () => Deno.stat(file).then(() => true, () => false);
    assert.equal(await exists(), false);
    assert.match(await root(proxy), /BEGIN CERTIFICATE/);
    assert.equal(await exists(), true);
    assert.equal((await curl(proxy, "/stats", ground.authority.file)).code, 0);
  },
);

needs(
  ["curl"],
  "SIGKILL while the authority is made leaves none or a whole one",
  async () => {
    await using ground = await Ground.create();
    // At each change of the file that is seen in the folder, and at last when all is done.
    for (const moment of [1, 2, 3, 4, 5, 6, Infinity]) {
      const folder = `${ground.folder}/state-${moment}`;
      await Deno.mkdir(folder);
      const config = bareConfig(ground, { server: { state_dir: folder } });
      using watcher = Deno.watchFs(folder);
      const proxy = await Mailferry.spawn({ ground, config });
      const seen = (async () => {
        let left = moment;
        for await (const { paths } of watcher) {
          if (paths.some((path) => path.includes("authority"))) left--;
          if (left === 0) return;
        }
      })();
      await Promise.race([seen, proxy.event("ready")]);
      proxy.signal("SIGKILL");
      await proxy.exited;
      await proxy[Symbol.asyncDispose]();
      const before = await Deno.readTextFile(`${folder}/authority.pem`)
        .catch(() => null);
      if (moment === Infinity) assert.notEqual(before, null);
      await using again = await Mailferry.start({ ground, config });
      const now = await root(again);
      if (before !== null) {
        assert.ok(before.startsWith(now), `moment ${moment}`);
      }
      const file = await rootFile(ground, again);
      assert.equal((await curl(again, "/stats", file)).code, 0);
    }
  },
);

Deno.test("a state directory that cannot be used is one clear line", async () => {
  await using ground = await Ground.create();
  const start = async (over: Table) => {
    const proxy = await Mailferry.spawn({
      ground,
      config: bareConfig(ground, over),
    });
    const { code } = await within("the end", proxy.exited);
    await proxy[Symbol.asyncDispose]();
    return { code, noise: proxy.noise };
  };
  await Deno.writeTextFile(`${ground.folder}/file`, "");
  const unusable = await start({
    server: { state_dir: `${ground.folder}/file/state` },
  });
  assert.equal(unusable.code, 1);
  assert.equal(unusable.noise.length, 1);
  assert.match(unusable.noise[0]!, /server\.state_dir: cannot write to /);

  await Deno.mkdir(`${ground.folder}/state`);
  await Deno.writeTextFile(`${ground.folder}/state/authority.pem`, "damaged");
  const damaged = await start({});
  assert.equal(damaged.code, 1);
  assert.equal(damaged.noise.length, 1);
  assert.match(
    damaged.noise[0]!,
    /authority\.pem of server\.state_dir cannot be used.*restore the file, or remove it/,
  );
  assert.equal(
    await Deno.readTextFile(`${ground.folder}/state/authority.pem`),
    "damaged",
  );
});

needs(
  ["curl"],
  "an authority that cannot be used is refused at a reload, and what serves goes on",
  async () => {
    await using ground = await Ground.create();
    const { certFile: cert, keyFile: key } = ground.certificate;
    await using proxy = await bare(ground, {
      tls: { certificate: { main: { cert, key } } },
    });
    await Deno.writeTextFile(`${ground.folder}/state/authority.pem`, "damaged");
    const shown = await proxy.admin("GET", "/pki/ca/local");
    assert.equal(shown.status, 500);
    assert.match(shown.body, /^the local authority in authority\.pem/);
    await proxy.reconfigure({ tls: undefined });
    const reload = await proxy.admin("POST", "/config/reload");
    assert.notEqual(reload.status, 200);
    assert.match(reload.body, /^the local authority in authority\.pem/);
    assert.equal((await proxy.admin("GET", "/stats")).status, 200);
  },
);

Deno.test("ctl and trust know the root where they may read it", async () => {
  await using ground = await Ground.create();
  await using proxy = await bare(ground);
  const { host } = new URL(proxy.adminUrl);
  const ctl = (...args: string[]) =>
    run(["ctl", "--config", proxy.configFile, ...args]);
  const asked = await ctl("--address", host, "stats");
  assert.equal(asked.code, 0, asked.stderr);
  const shown = await ctl("--address", host, "pki", "show", "local");
  assert.match(shown.stdout, /mailferry Local Authority/);
  const trust = await run(["trust", "--config", proxy.configFile]);
  assert.equal(trust.code, 0, trust.stderr);
  assert.ok(trust.stdout.includes(await root(proxy)));
  assert.ok(!trust.stdout.includes("PRIVATE"));

  // Somebody else on the address: without the root any certificate would do there.
  const other = await ground.authority.issue(["localhost", "127.0.0.1"]);
  await using server = Deno.serve({
    ...{ hostname: "127.0.0.1", port: 0, onListen: () => {} },
    cert: other.certPem,
    key: other.keyPem,
  }, () => new Response("{}"));
  const wrong = await ctl(
    "--address",
    `127.0.0.1:${server.addr.port}`,
    "stats",
  );
  assert.equal(wrong.code, 4, wrong.stdout);
});

Deno.test("trust asks the proxy for the root where there is no state directory to read", async () => {
  await using ground = await Ground.create();
  await using proxy = await bare(ground, { server: { state_dir: undefined } });
  const config = `${ground.folder}/client.toml`;
  await Deno.writeTextFile(
    config,
    `[admin]\nbind = "${
      new URL(proxy.adminUrl).host
    }"\nbearer_token = "${TOKEN}"\n`,
  );
  const trust = await run(["trust", "--config", config]);
  assert.equal(trust.code, 0, trust.stderr);
  assert.ok(trust.stdout.includes(await root(proxy)));
});

needs(
  ["mount"],
  "a state directory that is read-only is one clear line, at the start and later",
  async () => {
    await using ground = await Ground.create();
    await using disk = await Disk.mount("1m", `${ground.folder}/state`);
    const { certFile: cert, keyFile: key } = ground.certificate;
    {
      await using proxy = await bare(ground, {
        tls: { certificate: { main: { cert, key } } },
      });
      await disk.readOnly();
      const asked = await proxy.admin("GET", "/pki/ca/local");
      assert.equal(asked.status, 500);
      assert.match(
        asked.body,
        /^cannot write .*authority\.pem: Read-only file system/,
      );
      assert.equal((await proxy.admin("GET", "/stats")).status, 200);
      await disk.writable();
      assert.equal((await proxy.admin("GET", "/pki/ca/local")).status, 200);
      await disk.readOnly();
    }
    const proxy = await Mailferry.spawn({
      ground,
      config: bareConfig(ground),
    });
    const { code } = await within("the end", proxy.exited);
    await proxy[Symbol.asyncDispose]();
    assert.equal(code, 1);
    assert.match(
      proxy.noise.join("\n"),
      /^mailferry: .*server\.state_dir: cannot write to .*: Read-only file system[^\n]*$/,
    );
  },
);

// In a namespace of its own, so that the trust store of the host stays as it is.
needs(
  ["mount", "unshare", "update-ca-certificates", "openssl"],
  "trust --install makes Debian trust the root, and --uninstall takes it back",
  async () => {
    await using ground = await Ground.create();
    const copy = `${ground.folder}/ssl`;
    const local = "/usr/local/share/ca-certificates";
    const { file, folder } = {
      file: ground.authority.file,
      folder: ground.folder,
    };
    await ground.authority.issue(["leaf.test"], { file: "leaf" });
    const trust = `${executable()} trust --ca ${file}`;
    const verify =
      `openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt ${folder}/leaf.pem`;
    const { success, stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        "-m",
        "sh",
        "-ec",
        `
        cp -a /etc/ssl ${copy}
        mount --bind ${copy} /etc/ssl
        mount -t tmpfs tmpfs ${local}
        ! ${verify} || exit 3
        ${trust} --install
        ls ${local}
        ${verify}
        ${trust} --uninstall
        ! ${verify} || exit 4
        ls ${local} | wc -l
      `,
      ],
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert.ok(success, said + new TextDecoder().decode(stderr));
    assert.match(
      said,
      /^Test authority .* is trusted by this host: .*\nmailferry-[0-9a-f]{12}\.crt\n.*leaf\.pem: OK\n.*no longer trusted.*\n0\n$/,
    );
  },
);
