/**
 * The programs that are measured. All of them, unless the scene says otherwise:
 * TLS on both sides, TLS 1.3, ECDSA P-256, the backend's certificate verified,
 * one route, the same number of threads. The rivals pass bytes only, so nobody
 * sends a PROXY header to the backend.
 */
import { BACKEND_NAME, type Certificates } from "./certificates.ts";
import { isHttp, type MailProtocol, type Protocol } from "./dialogues.ts";
import { startNginxHttp } from "./nginx_http.ts";
import { startNginxMail } from "./nginx_mail.ts";
import { exists, fileLimit, type Running, start } from "./process.ts";

export type SubjectName = "mailferry-implicit" | "mailferry-starttls" | Rival;
export type Rival = "nginx" | "haproxy";

/** Where the dummy backend listens. */
export interface OwnPorts {
  tls: Record<MailProtocol, number>;
  plain: Record<MailProtocol, number>;
  authHttp: number;
  websocket: number;
}

/** Where all backends listen. */
export interface BackendPorts {
  tls: Record<Protocol, number>;
  plain: Record<MailProtocol, number>;
  authHttp: number;
}

/** What a start needs to know. */
export interface Scene {
  folder: string;
  certificates: Certificates;
  backend: BackendPorts;
  protocol: Protocol;
  threads: number;
  /** No TLS on either side, and nginx with its mail module. */
  plain?: boolean;
  /** Clients send a PROXY header; mailferry alone knows what to do with it here. */
  proxyHeader?: boolean;
  /** Two certificates rather than one: mailferry then picks by name. */
  pickByName?: boolean;
  /** Port of a redis-server that mailferry has its mappings from, rather than from a file. */
  redis?: number;
  /** nginx passes HTTP answers on without its buffers. */
  unbuffered?: boolean;
  /** The executable. */
  mailferry: string;
}

export interface Subject {
  name: SubjectName;
  title: string;
  /** How the client's TLS begins. */
  tls: "implicit" | "starttls";
  /** File descriptors that one session takes in the proxy, at most. */
  filesPerSession: number;
  start(scene: Scene, port: number): Promise<Running>;
}

/** Where the backend of this scene listens. */
function backendPort({ backend, protocol, plain }: Scene): number {
  if (!plain) return backend.tls[protocol];
  if (isHttp(protocol)) throw new Error("HTTP has no rows without TLS");
  return backend.plain[protocol];
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function startMailferry(scene: Scene, port: number, tls: string) {
  const { folder, certificates, plain } = scene;
  const protocol = isHttp(scene.protocol) ? "http" : scene.protocol;
  const mapping = Array.from(
    { length: 50 },
    (_, i) => `user${i}@example.com backend\n`,
  );
  await Deno.writeTextFile(`${folder}/mapping.txt`, mapping.join(""));
  const second = `
[tls.certificate.other]
cert = "${certificates.backendCert}"
key = "${certificates.backendKey}"
`;
  const proxyHeader = `proxy_protocol = "required"
proxy_trusted = ["127.0.0.0/8"]
`;
  const source = scene.redis === undefined
    ? `source = "file"

[mapping.file]
path = "${folder}/mapping.txt"`
    : `source = "redis"

[mapping.redis]
url = "redis://127.0.0.1:${scene.redis}"`;
  const inClear = `[capabilities.${protocol}]
allow_plain_auth_without_tls = true
`;
  // Everybody's connection is used again as often as its client likes.
  const byAuthorization = `[http]
max_keepalive_requests = 1000000

[[http.route]]
match = "/jmap/**"
extract = {from = "authorization"}
`;
  await Deno.writeTextFile(
    `${folder}/mailferry-${port}.toml`,
    `[server]
threads = ${scene.threads}
hostname = "proxy.bench.test"
shutdown_grace = "1s"

[tls.certificate.bench]
cert = "${certificates.proxyCert}"
key = "${certificates.proxyKey}"
default = true
${scene.pickByName ? second : ""}
[listener.bench]
protocol = "${protocol}"
bind = ["127.0.0.1:${port}"]
tls = "${plain ? "plain" : tls}"
max_connections = 20000
${scene.proxyHeader ? proxyHeader : ""}
${plain ? inClear : ""}
[destination.backend]
host = "127.0.0.1"
tls_server_name = "${BACKEND_NAME}"
proxy_protocol = false
${plain ? "allow_plaintext_auth = true" : ""}

[destination.backend.protocol.${protocol}]
port = ${backendPort(scene)}
tls = "${plain ? "plain" : "implicit"}"

[routing]
default_destination = "backend"

${protocol === "http" ? byAuthorization : ""}
[mapping]
${source}
`,
  );
  return start(
    [scene.mailferry, `${folder}/mailferry-${port}.toml`],
    `${folder}/mailferry-${port}.log`,
    { SSL_CERT_FILE: certificates.ca },
  );
}

async function startNginx(scene: Scene, port: number): Promise<Running> {
  const { folder, certificates } = scene;
  const module = "/usr/lib/nginx/modules/ngx_stream_module.so";
  const loads = await exists(module) ? `load_module ${module};` : "";
  const user = Deno.uid() === 0 ? "user root;" : "";
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `${loads}
${user}
daemon off;
worker_processes ${scene.threads};
worker_rlimit_nofile ${fileLimit};
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections ${fileLimit - 100}; }
stream {
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl backlog=4096${
      scene.threads > 1 ? " reuseport" : ""
    };
    ssl_certificate ${certificates.proxyCert};
    ssl_certificate_key ${certificates.proxyKey};
    ssl_protocols TLSv1.2 TLSv1.3;
    proxy_pass 127.0.0.1:${backendPort(scene)};
    proxy_timeout 1800s;
    proxy_ssl on;
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ${certificates.ca};
    proxy_ssl_name ${BACKEND_NAME};
    proxy_ssl_server_name on;
  }
}
`,
  );
  return start(
    ["nginx", "-e", "stderr", "-p", folder, "-c", `${folder}/nginx.conf`],
    `${folder}/nginx.log`,
  );
}

async function startHaproxy(scene: Scene, port: number): Promise<Running> {
  const { folder, certificates } = scene;
  await Deno.writeTextFile(
    `${folder}/haproxy.cfg`,
    `global
  nbthread ${scene.threads}
  maxconn ${Math.min(20000, Math.floor((fileLimit - 200) / 2))}
defaults
  mode ${isHttp(scene.protocol) ? "http" : "tcp"}
  timeout connect 10s
  timeout client 1800s
  timeout server 1800s
frontend bench
  bind 127.0.0.1:${port} ssl crt ${certificates.proxyBoth} backlog 4096
  default_backend backend
backend backend
  server one 127.0.0.1:${
      backendPort(scene)
    } ssl verify required ca-file ${certificates.ca} sni str(${BACKEND_NAME})
`,
  );
  return start(
    ["haproxy", "-db", "-f", `${folder}/haproxy.cfg`],
    `${folder}/haproxy.log`,
  );
}

/** In the order of the table's columns. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: "mailferry-implicit",
    title: "mailferry",
    tls: "implicit",
    filesPerSession: 2,
    start: (scene, port) => startMailferry(scene, port, "implicit"),
  },
  {
    name: "mailferry-starttls",
    title: "mailferry, STARTTLS",
    tls: "starttls",
    filesPerSession: 2,
    start: (scene, port) => startMailferry(scene, port, "starttls"),
  },
  {
    name: "nginx",
    title: "nginx stream",
    tls: "implicit",
    filesPerSession: 2,
    start: (scene, port) =>
      isHttp(scene.protocol)
        ? startNginxHttp(scene, port)
        : scene.plain
        ? startNginxMail(scene, port)
        : startNginx(scene, port),
  },
  {
    name: "haproxy",
    title: "HAProxy",
    tls: "implicit",
    filesPerSession: 2,
    start: startHaproxy,
  },
];
