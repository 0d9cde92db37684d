/** A private Postfix: own folder, own ports, passwords for submission by a Dovecot of its own. */
import type { Authority } from "./certs.ts";
import { answers, freePorts } from "./ports.ts";
import { stop } from "./program.ts";
import { PASSWORD, type Table } from "./proxy_config.ts";
import { until } from "./wait.ts";

export interface PostfixOptions {
  readonly name: string;
  readonly folder: string;
  readonly authority: Authority;
}

/** Takes mail, on its submission ports of whoever has logged in, and throws it away. Needs root, as Postfix's master does. */
export class Postfix implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    readonly submissionsPort: number,
    readonly submissionPort: number,
    /** Takes mail of anybody, and expects a PROXY header. */
    readonly smtpPort: number,
    private readonly dovecot: Deno.ChildProcess,
  ) {}

  static async start(options: PostfixOptions): Promise<Postfix> {
    const folder = `${options.folder}/${options.name}`;
    for (const part of ["etc", "spool", "data", "auth"]) {
      await Deno.mkdir(`${folder}/${part}`, { recursive: true });
    }
    await command("chown", ["postfix", `${folder}/data`]);
    const certificate = await options.authority.issue(["backend.test"], {
      file: `postfix-${options.name}`,
    });
    const [submissions, submission, smtp] = freePorts(3) as [
      number,
      number,
      number,
    ];
    const write = (file: string, text: string) =>
      Deno.writeTextFile(`${folder}/${file}`, text);
    await write("etc/main.cf", mainConfiguration(folder, certificate));
    await write("etc/master.cf", services(submissions, submission, smtp));
    await write("auth/dovecot.conf", authConfiguration(folder));
    const dovecot = new Deno.Command("/usr/sbin/dovecot", {
      args: ["-F", "-c", `${folder}/auth/dovecot.conf`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new Postfix(
      folder,
      submissions,
      submission,
      smtp,
      dovecot,
    );
    try {
      await until("Dovecot's authentication", () => exists(`${folder}/auth/s`));
      await command("postfix", ["-c", `${folder}/etc`, "start"]);
      await until("the start of Postfix", () => answers(submission));
    } catch (error) {
      const log = server.log();
      await server[Symbol.asyncDispose]();
      throw new Error(`${error}\n${log}`);
    }
    return server;
  }

  /** This server as a destination of the proxy's configuration, told the client by XCLIENT. */
  destination(tls: "implicit" | "starttls"): Table {
    const port = tls === "implicit"
      ? this.submissionsPort
      : this.submissionPort;
    return {
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      forwarding: "xclient",
      protocol: { submission: { port, tls } },
    };
  }

  /** Everything it logged so far. */
  log(): string {
    try {
      return Deno.readTextFileSync(`${this.folder}/spool/log`);
    } catch {
      return "";
    }
  }

  /** Wait for a line of its log. */
  logged(what: string, pattern: RegExp): Promise<RegExpExecArray> {
    return until(
      `${what} in the log of Postfix`,
      () => pattern.exec(this.log()),
    ) as Promise<RegExpExecArray>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await command("postfix", ["-c", `${this.folder}/etc`, "stop"])
      .catch(() => {});
    await stop(this.dovecot);
  }
}

function mainConfiguration(
  folder: string,
  certificate: { certFile: string; keyFile: string },
): string {
  return `
compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/data
maillog_file = ${folder}/spool/log
maillog_file_prefixes = ${folder}
myhostname = backend.test
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = all
alias_maps =
alias_database =
local_transport = discard
default_transport = discard
relay_domains = example.com
relay_transport = discard
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${folder}/auth/s
smtpd_tls_auth_only = yes
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${certificate.certFile}
smtpd_tls_key_file = ${certificate.keyFile}
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
`;
}

function services(
  submissions: number,
  submission: number,
  smtp: number,
): string {
  return `
127.0.0.1:${submission} inet n - n - - smtpd
127.0.0.1:${submissions} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
127.0.0.1:${smtp} inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
  -o smtpd_sasl_auth_enable=no
  -o smtpd_recipient_restrictions=reject_unauth_destination
  -o smtpd_relay_restrictions=reject_unauth_destination
anvil unix - - n - 1 anvil
bounce unix - - n - 0 bounce
cleanup unix n - n - 0 cleanup
defer unix - - n - 0 bounce
discard unix - - n - - discard
pickup unix n - n 60 1 pickup
postlog unix-dgram n - n - 1 postlogd
proxymap unix - - n - - proxymap
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
`;
}

function authConfiguration(folder: string): string {
  return `
protocols =
base_dir = ${folder}/auth/run
state_dir = ${folder}/auth/state
log_path = ${folder}/auth/log
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = no
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${folder}
}
service auth {
  unix_listener ${folder}/auth/s {
    mode = 0666
  }
}
# No growing delay for an address whose logins fail.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`;
}

async function command(program: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isSocket === true;
  } catch {
    return false;
  }
}
