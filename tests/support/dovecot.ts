/** A private Dovecot: own folder, own ports, users that the system does not know. */
import type { Authority } from "./certs.ts";
import { stop } from "./program.ts";
import { PASSWORD, type Table } from "./proxy_config.ts";
import { answers, freePorts } from "./ports.ts";
import { until } from "./wait.ts";

/** What Dovecot calls a protocol, the service that listens for it, and its listeners. */
interface Service {
  readonly protocol: string;
  readonly service: string;
  readonly clear: string;
  /** None for LMTP, which has no login to protect. */
  readonly tls?: string;
}

export type DovecotProtocol =
  | "imap"
  | "pop3"
  | "managesieve"
  | "submission"
  | "lmtp";

const SERVICES: Readonly<Record<DovecotProtocol, Service>> = {
  imap: {
    protocol: "imap",
    service: "imap-login",
    clear: "imap",
    tls: "imaps",
  },
  pop3: {
    protocol: "pop3",
    service: "pop3-login",
    clear: "pop3",
    tls: "pop3s",
  },
  managesieve: {
    protocol: "sieve",
    service: "managesieve-login",
    clear: "sieve",
    tls: "sieves",
  },
  submission: {
    protocol: "submission",
    service: "submission-login",
    clear: "submission",
    tls: "submissions",
  },
  lmtp: { protocol: "lmtp", service: "lmtp", clear: "lmtp" },
};

/** Where a protocol is served; the first one takes STARTTLS. */
type Ports = { readonly clear: number; readonly tls: number };

export interface DovecotOptions {
  readonly name: string;
  readonly folder: string;
  readonly authority: Authority;
  /** How it learns the client's address: a PROXY header on every connection, or ID from trusted networks. */
  readonly forwarding: "proxy" | "xclient" | "none";
  /** What it serves; IMAP alone when not given. */
  readonly protocols?: readonly DovecotProtocol[];
  /** Port of the SMTP server that takes what is submitted, for submission. */
  readonly relay?: number;
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
    private readonly ports: ReadonlyMap<DovecotProtocol, Ports>,
    private readonly process: Deno.ChildProcess,
  ) {}

  static async start(options: DovecotOptions): Promise<Dovecot> {
    const folder = `${options.folder}/${options.name}`;
    await Deno.mkdir(`${folder}/mail`, { recursive: true });
    if (ROOT) await chown(`${folder}/mail`);
    const certificate = await options.authority.issue(["backend.test"], {
      file: `dovecot-${options.name}`,
    });
    const protocols = options.protocols ?? ["imap"];
    const free = freePorts(2 * protocols.length);
    const ports = new Map(
      protocols.map((name) => [name, { clear: free.pop()!, tls: free.pop()! }]),
    );
    const config = `${folder}/dovecot.conf`;
    await Deno.writeTextFile(
      config,
      configuration(options, folder, certificate, ports),
    );
    const process = new Deno.Command("/usr/sbin/dovecot", {
      args: ["-F", "-c", config],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new Dovecot(options, folder, ports, process);
    try {
      for (const { clear } of ports.values()) {
        await until(
          `the start of Dovecot ${options.name}`,
          () => answers(clear),
        );
      }
    } catch (error) {
      const log = server.log();
      await server[Symbol.asyncDispose]();
      throw new Error(`${error}\n${log}`);
    }
    return server;
  }

  /** This server as a destination of the proxy's configuration. */
  destination(tls: "implicit" | "starttls" = "implicit"): Table {
    const legs = [...this.ports].map(([name, port]) => [
      name,
      SERVICES[name].tls === undefined
        ? { port: port.clear, tls: "plain" }
        : { port: tls === "implicit" ? port.tls : port.clear, tls },
    ]);
    return {
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      proxy_protocol: this.options.forwarding === "proxy",
      forwarding: this.options.forwarding,
      protocol: Object.fromEntries(legs),
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

  /** What an operator's synchronisation does: everything of the account, mail, UIDs and scripts. */
  async copy(account: string, to: Dovecot): Promise<void> {
    const { success, stderr } = await new Deno.Command("cp", {
      args: ["-a", `${this.folder}/mail/${account}`, `${to.folder}/mail/`],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
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
    await stop(this.process);
  }
}

function configuration(
  options: DovecotOptions,
  folder: string,
  certificate: { certFile: string; keyFile: string },
  ports: ReadonlyMap<DovecotProtocol, Ports>,
): string {
  const user = ROOT ? "nobody" : Deno.env.get("USER") ?? "";
  const haproxy = options.forwarding === "proxy" ? "haproxy = yes" : "";
  return `
protocols = ${
    [...ports.keys()].map((name) => SERVICES[name].protocol).join(" ")
  }
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
${
    options.relay === undefined ? "" : `submission_relay_host = 127.0.0.1
submission_relay_port = ${options.relay}`
  }
protocol lmtp {
  mail_plugins = sieve
}
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${user} gid=${ROOT ? "nogroup" : user} home=${folder}/mail/%u
}
${[...ports].map(([name, port]) => serviceOf(name, port, haproxy)).join("")}
${ROOT ? "" : "service anvil {\n  chroot =\n}"}
`;
}

function serviceOf(
  name: DovecotProtocol,
  port: Ports,
  haproxy: string,
): string {
  const { service, clear, tls } = SERVICES[name];
  return `
service ${service} {
  ${ROOT ? "" : "chroot ="}
  inet_listener ${clear} {
    address = 127.0.0.1
    port = ${port.clear}
    ${haproxy}
  }
  ${
    tls === undefined ? "" : `inet_listener ${tls} {
    address = 127.0.0.1
    port = ${port.tls}
    ssl = yes
    ${haproxy}
  }`
  }
}
`;
}

/** Mail processes do not run as root: give the mailbox to their user. */
async function chown(path: string): Promise<void> {
  const output = await new Deno.Command("chown", {
    args: ["-R", "nobody:nogroup", path],
  }).output();
  if (!output.success) throw new Error(`chown ${path}`);
}
