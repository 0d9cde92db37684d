/** nginx with `proxy_pass`, and connections to the backend that are kept. */
import { BACKEND_NAME } from "./certificates.ts";
import { fileLimit, type Running, start } from "./process.ts";
import type { Scene } from "./subjects.ts";

export async function startNginxHttp(
  scene: Scene,
  port: number,
): Promise<Running> {
  const { folder, certificates } = scene;
  const conf = `${folder}/nginx-${port}.conf`;
  await Deno.writeTextFile(
    conf,
    `${Deno.uid() === 0 ? "user root;" : ""}
daemon off;
worker_processes ${scene.threads};
worker_rlimit_nofile ${fileLimit};
pid ${folder}/nginx-${port}.pid;
error_log stderr crit;
events { worker_connections ${fileLimit - 100}; }
http {
  access_log off;
  map $http_upgrade $connection_of_upgrade {
    default upgrade;
    "" "";
  }
  upstream backend {
    server 127.0.0.1:${scene.backend.tls[scene.protocol]};
    keepalive 64;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:${port} ssl backlog=4096${
      scene.threads > 1 ? " reuseport" : ""
    };
    ssl_certificate ${certificates.proxyCert};
    ssl_certificate_key ${certificates.proxyKey};
    ssl_protocols TLSv1.2 TLSv1.3;
    keepalive_requests 1000000;
    location / {
      proxy_pass https://backend;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_of_upgrade;
      ${scene.unbuffered ? "proxy_buffering off;" : ""}
      proxy_read_timeout 1800s;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${certificates.ca};
      proxy_ssl_name ${BACKEND_NAME};
      proxy_ssl_server_name on;
    }
  }
}
`,
  );
  return start(
    ["nginx", "-e", "stderr", "-p", folder, "-c", conf],
    `${folder}/nginx-${port}.log`,
  );
}
