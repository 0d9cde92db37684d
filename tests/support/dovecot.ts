/** A private Dovecot: own folder, own ports, users that the system does not know. */
import type { Authority } from "./certs.ts";
import { PASSWORD, type Table } from "./proxy_config.ts";
import { freePorts } from "./ports.ts";
import { until, within } from "./wait.ts";

export interface DovecotOptions {
  readonly name: string;
  readonly folder: string;
  readonly authority: Authority;
  /** How it learns the client's address: a PROXY header on every connection, or ID from trusted networks. */
  readonly forwarding: "proxy" | "xclient" | "none";
  /** A login is refused without a client certificate of the authority. */
  readonly clientCertificate?: boolean;
}

/** One line of the log about a login. */
export interface LoggedLogin {
  readonly user: string;
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
}

const ROOT = Deno.uid() === 0;

export class Dovecot implements AsyncDisposable {
  private constructor(
    readonly options: DovecotOptions,
    private readonly folder: string,
    readonly imapsPort: number,
    readonly imapPort: number,
    private readonly process: Deno.ChildProcess,
  ) {}

  static async start(options: DovecotOptions): Promise<Dovecot> {
    const folder = `${options.folder}/${options.name}`;
    await Deno.mkdir(`${folder}/mail`, { recursive: true });
    if (ROOT) await chown(`${folder}/mail`);
    const certificate = await options.authority.issue(["backend.test"], {
      file: `dovecot-${options.name}`,
    });
    const [imaps, imap] = freePorts(2) as [number, number];
    const config = `${folder}/dovecot.conf`;
    await Deno.writeTextFile(
      config,
      configuration(options, folder, certificate, imaps, imap),
    );
    const process = new Deno.Command("/usr/sbin/dovecot", {
      args: ["-F", "-c", config],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new Dovecot(options, folder, imaps, imap, process);
    try {
      await until(`the start of Dovecot ${options.name}`, () => answers(imap));
    } catch (error) {
      const log = server.log();
      await server[Symbol.asyncDispose]();
      throw new Error(`${error}\n${log}`);
    }
    return server;
  }

  /** This server as a destination of the proxy's configuration. */
  destination(tls: "implicit" | "starttls" = "implicit"): Table {
    const port = tls === "implicit" ? this.imapsPort : this.imapPort;
    return {
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      proxy_protocol: this.options.forwarding === "proxy",
      forwarding: this.options.forwarding,
      protocol: { imap: { port, tls } },
    };
  }

  /** Put a message into an account's inbox. */
  async deliver(account: string, subject: string, text = ""): Promise<void> {
    const home = `${this.folder}/mail/${account}`;
    const box = `${home}/Maildir`;
    for (const part of ["cur", "new", "tmp"]) {
      await Deno.mkdir(`${box}/${part}`, { recursive: true });
    }
    const unique = `${Date.now()}.${crypto.randomUUID()}.test`;
    await Deno.writeTextFile(
      `${box}/new/${unique}`,
      `From: sender@example.com\nTo: ${account}\nSubject: ${subject}\n` +
        `Message-ID: <${unique}@example.com>\n\n${text}\n`,
    );
    if (ROOT) await chown(home);
  }

  /** Everything it logged so far. */
  log(): string {
    try {
      return Deno.readTextFileSync(`${this.folder}/dovecot.log`);
    } catch {
      return "";
    }
  }

  /** The logins in its log, oldest first. */
  logins(): LoggedLogin[] {
    return [
      ...this.log().matchAll(
        /Login: user=<([^>]*)>.*? rip=([^,]*), rport=(\d+).*?(TLS)?, session/g,
      ),
    ].map((m) => ({
      user: m[1]!,
      address: m[2]!,
      port: Number(m[3]),
      tls: m[4] === "TLS",
    }));
  }

  /** Wait for a login that `matches`. */
  login(
    what: string,
    matches: (login: LoggedLogin) => boolean,
  ): Promise<LoggedLogin> {
    return until(
      `${what} in the log of ${this.options.name}`,
      () => this.logins().find(matches),
    ) as Promise<LoggedLogin>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGTERM");
    try {
      await within(`the end of ${this.options.name}`, this.process.status);
    } catch {
      this.process.kill("SIGKILL");
      await this.process.status;
    }
  }
}

function configuration(
  options: DovecotOptions,
  folder: string,
  certificate: { certFile: string; keyFile: string },
  imaps: number,
  imap: number,
): string {
  const user = ROOT ? "nobody" : Deno.env.get("USER") ?? "";
  const haproxy = options.forwarding === "proxy" ? "haproxy = yes" : "";
  return `
protocols = imap
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
${ROOT ? "" : `default_internal_user = ${user}\ndefault_login_user = ${user}`}
first_valid_uid = 1
ssl = required
ssl_cert = <${certificate.certFile}
ssl_key = <${certificate.keyFile}
${
    options.clientCertificate
      ? `ssl_ca = <${options.authority.file}
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = yes
ssl_require_crl = no`
      : ""
  }
login_log_format_elements = user=<%u> method=%m rip=%r rport=%{rport} lip=%l lport=%{lport} %c session=<%{session}>
haproxy_trusted_networks = 127.0.0.0/8
${
    options.forwarding === "xclient"
      ? "login_trusted_networks = 127.0.0.0/8"
      : ""
  }
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${user} gid=${ROOT ? "nogroup" : user} home=${folder}/mail/%u
}
service imap-login {
  ${ROOT ? "" : "chroot ="}
  inet_listener imap {
    address = 127.0.0.1
    port = ${imap}
    ${haproxy}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${imaps}
    ssl = yes
    ${haproxy}
  }
}
${ROOT ? "" : "service anvil {\n  chroot =\n}"}
`;
}

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

/** Mail processes do not run as root: give the mailbox to their user. */
async function chown(path: string): Promise<void> {
  const output = await new Deno.Command("chown", {
    args: ["-R", "nobody:nogroup", path],
  }).output();
  if (!output.success) throw new Error(`chown ${path}`);
}
