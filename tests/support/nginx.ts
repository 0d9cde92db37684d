/** A private nginx: a web server with TLS that takes PROXY headers, keeps what is uploaded and says what it saw. */
import type { Authority } from "./certs.ts";
import { freePorts } from "./ports.ts";
import { output, stop } from "./program.ts";
import type { Table } from "./proxy_config.ts";
import { until } from "./wait.ts";

/** One line of its access log. */
export interface Served {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly version: string;
  /** Of the PROXY header. */
  readonly client: string;
  /** Which request of its connection it was. */
  readonly nth: number;
  readonly forwarded: string;
  readonly xForwardedFor: string;
}

export interface NginxOptions {
  readonly name: string;
  readonly folder: string;
  readonly authority: Authority;
}

const ROOT = Deno.uid() === 0;

export class Nginx implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly process: Deno.ChildProcess,
  ) {}

  static async start(options: NginxOptions): Promise<Nginx> {
    const folder = `${options.folder}/${options.name}`;
    for (const part of ["files", "files/uploads", "temporary"]) {
      await Deno.mkdir(`${folder}/${part}`, { recursive: true });
    }
    if (ROOT) {
      await output("chown", ["nobody", `${folder}/files/uploads`]);
      await output("chown", ["nobody", `${folder}/temporary`]);
    }
    const { certFile, keyFile } = await options.authority.issue(
      ["backend.test"],
      { file: `nginx-${options.name}` },
    );
    const port = freePorts(1)[0]!;
    const file = `${folder}/nginx.conf`;
    await Deno.writeTextFile(
      file,
      configuration(folder, port, certFile, keyFile),
    );
    const process = new Deno.Command("nginx", {
      args: ["-e", "stderr", "-p", folder, "-c", file],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new Nginx(folder, port, process);
    try {
      await until(`the start of nginx ${options.name}`, () => server.#runs());
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** This server as a destination of the proxy's configuration. */
  destination(): Table {
    return {
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      proxy_protocol: true,
      forwarded: true,
      protocol: { http: { port: this.port, tls: "implicit" } },
    };
  }

  /** Serve this at `/NAME`. */
  async publish(name: string, content: string | Uint8Array): Promise<void> {
    const path = `${this.folder}/files/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
  }

  /** What was uploaded to `/uploads/NAME`. */
  uploaded(name: string): Promise<Uint8Array> {
    return Deno.readFile(`${this.folder}/files/uploads/${name}`);
  }

  /** The requests that are in its log by now, oldest first. */
  served(): Served[] {
    const lines = readText(`${this.folder}/access.log`).split("\n");
    return lines.slice(0, -1).map((line) => {
      const [method, target, status, version, client, nth, forwarded, xff] =
        line.split("\t") as string[];
      return {
        method: method!,
        target: target!,
        status: Number(status),
        version: version!,
        client: client!,
        nth: Number(nth),
        forwarded: forwarded!,
        xForwardedFor: xff!,
      };
    });
  }

  /** Wait until so many requests are in its log, and answer all: it writes of each behind its answer. */
  async requests(count: number): Promise<Served[]> {
    await until(
      `${count} requests in the log of nginx`,
      () => this.served().length >= count,
    );
    return this.served();
  }

  /** Wait for a request that `matches`. */
  request(what: string, matches: (served: Served) => boolean): Promise<Served> {
    return until(
      `${what} in the log of nginx`,
      () => this.served().find(matches),
    ) as Promise<Served>;
  }

  #runs(): boolean {
    return readText(`${this.folder}/nginx.pid`) !== "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.process);
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function configuration(
  folder: string,
  port: number,
  certFile: string,
  keyFile: string,
): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${folder}/temporary/${name};\n`);
  return `
${ROOT ? "user nobody nogroup;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 500; }
http {
${temporary.join("")}
  types { text/html html; text/plain txt; }
  default_type application/octet-stream;
  log_format seen escape=none "$request_method\t$request_uri\t$status\t$server_protocol\t$proxy_protocol_addr\t$connection_requests\t$http_forwarded\t$http_x_forwarded_for";
  access_log ${folder}/access.log seen;
  client_max_body_size 0;
  keepalive_requests 100000;
  server {
    listen 127.0.0.1:${port} ssl proxy_protocol;
    ssl_certificate ${certFile};
    ssl_certificate_key ${keyFile};
    root ${folder}/files;
    if_modified_since before;
    location / { }
    location /zipped/ { gzip on; gzip_min_length 0; gzip_types *; }
    location /uploads/ { dav_methods PUT; }
    location /third/ { keepalive_requests 3; }
    location /second/ { keepalive_timeout 1s; }
  }
}
`;
}
