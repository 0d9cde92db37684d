/** Configurations for the proxy under test, and the folder that they live in. */
import { stringify } from "smol-toml";
import { Authority, type Certificate } from "./certs.ts";

export type Table = { [key: string]: unknown };

/** The password of accounts, looked for in every log. */
export const PASSWORD = "correct-horse-battery";

/** The token of the management API. */
export const TOKEN = "a-token-of-the-tests-with-enough-length";

/** A temporary folder with an authority and the proxy's own certificate in it. */
export class Ground implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly authority: Authority,
    readonly certificate: Certificate,
  ) {}

  static async create(): Promise<Ground> {
    const folder = await Deno.makeTempDir({ prefix: "mailferry-test-" });
    // Servers under another user read certificates and write mailboxes below it.
    await Deno.chmod(folder, 0o755);
    const authority = await Authority.create(folder);
    const names = ["proxy.test", "localhost", "127.0.0.1", "::1"];
    return new Ground(folder, authority, await authority.issue(names));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A configuration that serves IMAP in both ways; destinations come from the test. */
export function baseConfig(ground: Ground): Table {
  return {
    server: { threads: 1, hostname: "proxy.test", log_level: "debug" },
    tls: {
      certificate: {
        main: {
          cert: ground.certificate.certFile,
          key: ground.certificate.keyFile,
          default: true,
        },
      },
    },
    listener: {
      imaps: { protocol: "imap", bind: ["127.0.0.1:0"], tls: "implicit" },
      imap: { protocol: "imap", bind: ["127.0.0.1:0"], tls: "starttls" },
    },
    routing: { default_destination: "old" },
    mapping: {
      source: "file",
      file: { path: `${ground.folder}/mappings` },
    },
    admin: { bind: "127.0.0.1:0", tls: "implicit", bearer_token: TOKEN },
  };
}

/** A destination with one IMAP leg on this host. */
export function destination(
  port: number,
  tls: "implicit" | "starttls" | "plain",
  more: Table = {},
): Table {
  return merge({
    host: "127.0.0.1",
    proxy_protocol: false,
    ...(tls === "plain"
      ? { allow_plaintext_auth: true }
      : { tls_server_name: "backend.test" }),
    protocol: { imap: { port, tls } },
  }, more);
}

/** `over` on top of `base`, tables merged key by key. */
export function merge(base: Table, over: Table): Table {
  const merged: Table = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const under = merged[key];
    if (value === undefined) delete merged[key];
    else if (isTable(value) && isTable(under)) {
      merged[key] = merge(under, value);
    } else merged[key] = value;
  }
  return merged;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Write a configuration file and answer its path. */
export async function writeConfig(
  ground: Ground,
  config: Table,
  name = "config.toml",
): Promise<string> {
  const path = `${ground.folder}/${name}`;
  await Deno.writeTextFile(path, stringify(config));
  return path;
}

/** Replace a file as an editor does: new content, then a rename. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}
