/** A private Cyrus: JMAP over HTTP with TLS, own folder, own ports, accounts that come into being with their first message. */
import type { Authority } from "./certs.ts";
import { answers, freePorts } from "./ports.ts";
import { output, stop } from "./program.ts";
import { PASSWORD, type Table } from "./proxy_config.ts";
import { SaslAuthd, type SaslLogin } from "./saslauthd.ts";
import { until } from "./wait.ts";

export interface CyrusOptions {
  readonly name: string;
  readonly folder: string;
  readonly authority: Authority;
}

const PROGRAMS = "/usr/lib/cyrus/bin";
/** What must be there. */
export const cyrusPrograms = ["master", "httpd", "lmtpd", "deliver"]
  .map((name) => `${PROGRAMS}/${name}`);

const ROOT = Deno.uid() === 0;

export class Cyrus implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly process: Deno.ChildProcess,
    private readonly passwords: SaslAuthd,
    private readonly tokenKey: CryptoKey,
  ) {}

  static async start(options: CyrusOptions): Promise<Cyrus> {
    const folder = `${options.folder}/${options.name}`;
    for (const part of ["lib", "spool", "keys"]) {
      await Deno.mkdir(`${folder}/${part}`, { recursive: true });
    }
    const certificate = await options.authority.issue([
      "backend.test",
      "127.0.0.1",
    ], {
      file: `cyrus-${options.name}`,
    });
    const port = freePorts(1)[0]!;
    const key = crypto.getRandomValues(new Uint8Array(32));
    const files = {
      "cert.pem": certificate.certPem,
      "key.pem": certificate.keyPem,
      "keys/hmac.pem":
        `-----BEGIN HMAC KEY-----\n${key.toBase64()}\n-----END HMAC KEY-----\n`,
      "imapd.conf": settings(folder),
      "cyrus.conf": services(folder, port),
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    // Its services give up the rights of root before they open any of it.
    if (ROOT) await output("chown", ["-R", "cyrus:mail", folder]);
    const passwords = SaslAuthd.start(`${folder}/mux`, PASSWORD);
    // At its end it signals its whole process group, which is not to be that of the tests.
    const process = new Deno.Command("setsid", {
      args: [
        ...[`${PROGRAMS}/master`, "-D", "-C", `${folder}/imapd.conf`],
        ...["-M", `${folder}/cyrus.conf`, "-p", `${folder}/lib/master.pid`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const tokenKey = await crypto.subtle
      .importKey("raw", key, algorithm, false, ["sign"]);
    const server = new Cyrus(folder, port, process, passwords, tokenKey);
    try {
      await until(`the start of Cyrus ${options.name}`, () => answers(port));
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Where a client reaches it without the proxy. */
  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** This server as a destination of the proxy's configuration. */
  destination(): Table {
    return {
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      proxy_protocol: false,
      protocol: { http: { port: this.port, tls: "implicit" } },
    };
  }

  /** Put a message into an account's inbox. */
  async deliver(account: string, subject: string, text = ""): Promise<void> {
    const child = new Deno.Command(`${PROGRAMS}/deliver`, {
      args: ["-C", `${this.folder}/imapd.conf`, account],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(
      `From: sender@example.com\nTo: ${account}\nSubject: ${subject}\n` +
        `Message-ID: <${crypto.randomUUID()}@example.com>\n\n${text}\n`,
    ));
    await writer.close();
    const { success, stderr } = await child.output();
    if (success) return;
    throw new Error(`deliver: ${new TextDecoder().decode(stderr)}`);
  }

  /** The value of Authorization with a token that stands for a login of the account (RFC 7519). */
  async bearer(account: string): Promise<string> {
    const encoder = new TextEncoder();
    const part = (bytes: Uint8Array) =>
      bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    const json = (value: unknown) =>
      part(encoder.encode(JSON.stringify(value)));
    const signed = `${json({ alg: "HS256", typ: "JWT" })}.${
      json({ sub: account })
    }`;
    const signature = await crypto.subtle
      .sign("HMAC", this.tokenKey, encoder.encode(signed));
    return `Bearer ${signed}.${part(new Uint8Array(signature))}`;
  }

  /** The logins with a password, oldest first. */
  get logins(): readonly SaslLogin[] {
    return this.passwords.logins;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.process);
    await this.passwords[Symbol.asyncDispose]();
  }
}

function settings(folder: string): string {
  return `
cyrus_user: ${ROOT ? "cyrus" : Deno.env.get("USER") ?? ""}
configdirectory: ${folder}/lib
defaultpartition: default
partition-default: ${folder}/spool
virtdomains: userid
defaultdomain: internal
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
autocreate_post: yes
conversations: yes
conversations_db: twoskip
httpmodules: jmap
http_jwt_key_dir: ${folder}/keys
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: ${folder}/mux
sasl_mech_list: PLAIN
tls_server_cert: ${folder}/cert.pem
tls_server_key: ${folder}/key.pem
lmtpsocket: ${folder}/lmtp
`;
}

function services(folder: string, port: number): string {
  const service = (name: string, program: string, listen: string) =>
    `  ${name} cmd="${PROGRAMS}/${program} -C ${folder}/imapd.conf" ` +
    `listen="${listen}" prefork=0\n`;
  return `START {\n}\nSERVICES {\n` +
    service("https", "httpd -s", `127.0.0.1:${port}`) +
    service("lmtp", "lmtpd -a", `${folder}/lmtp`) +
    `}\nEVENTS {\n}\n`;
}
