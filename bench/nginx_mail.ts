/** nginx with its mail module, which has no TLS towards backends. */
import { exists, fileLimit, type Running, start } from "./process.ts";
import type { Scene } from "./subjects.ts";

export async function startNginxMail(
  scene: Scene,
  port: number,
): Promise<Running> {
  const { folder, protocol } = scene;
  const module = "/usr/lib/nginx/modules/ngx_mail_module.so";
  const loads = await exists(module) ? `load_module ${module};` : "";
  const user = Deno.uid() === 0 ? "user root;" : "";
  const name = protocol === "submission" ? "smtp" : protocol;
  // Without it the backend would be told nothing of the login.
  const login = name === "smtp" ? "proxy_smtp_auth on;\n    xclient off;" : "";
  await Deno.writeTextFile(
    `${folder}/nginx-${port}.conf`,
    `${loads}
${user}
daemon off;
worker_processes ${scene.threads};
worker_rlimit_nofile ${fileLimit};
pid ${folder}/nginx-${port}.pid;
error_log stderr crit;
events { worker_connections ${fileLimit - 100}; }
mail {
  server_name proxy.bench.test;
  auth_http 127.0.0.1:${scene.backend.authHttp}/;
  server {
    listen 127.0.0.1:${port} backlog=4096${
      scene.threads > 1 ? " reuseport" : ""
    };
    protocol ${name};
    ${name}_auth plain;
    ${login}
  }
}
`,
  );
  return start(
    [
      "nginx",
      "-e",
      "stderr",
      "-p",
      folder,
      "-c",
      `${folder}/nginx-${port}.conf`,
    ],
    `${folder}/nginx-${port}.log`,
  );
}
