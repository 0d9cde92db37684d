/** The HTTP backend of all programs: nginx with TLS, for small answers and for downloads. */
import { MIB, type Sizes } from "./bench.ts";
import type { Certificates } from "./certificates.ts";
import { type Running, start } from "./process.ts";

/** What a small JMAP call is answered: some 600 bytes. */
export const ANSWER = JSON.stringify({
  methodResponses: [["Email/query", {
    accountId: "u0123456789abcdef",
    queryState: "s-48213",
    canCalculateChanges: true,
    position: 0,
    ids: Array.from({ length: 30 }, (_, i) => `M${4_200_000_017 + i * 7919}`),
    total: 4711,
  }, "c1"]],
  sessionState: "s-2026",
});

/** Files of these sizes are there to be downloaded; the warm-up's is one of them. */
const sizesOfFiles = (sizes: Sizes) => new Set([32 * MIB, sizes.bulkBytes]);

export async function startHttpBackend(
  folder: string,
  certificates: Certificates,
  sizes: Sizes,
  port: number,
): Promise<Running> {
  const files = `${folder}/www`;
  await Deno.mkdir(files);
  for (const size of sizesOfFiles(sizes)) {
    // A hole: it takes no room, and its pages come from memory.
    await Deno.writeTextFile(`${files}/${size}`, "");
    await Deno.truncate(`${files}/${size}`, size);
  }
  const conf = `${folder}/http_backend.conf`;
  await Deno.writeTextFile(
    conf,
    `${Deno.uid() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/http_backend.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  default_type application/json;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:${port} ssl backlog=4096;
    ssl_certificate ${certificates.backendCert};
    ssl_certificate_key ${certificates.backendKey};
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      return 200 '${ANSWER}';
    }
    location /jmap/download/ {
      alias ${files}/;
    }
    # What is added to a body leaves it without a known length.
    location /jmap/chunked/ {
      alias ${files}/;
      add_after_body /nothing;
      addition_types *;
    }
    location = /nothing {
      return 200 " ";
    }
  }
}
`,
  );
  return start(
    ["nginx", "-e", "stderr", "-p", folder, "-c", conf],
    `${folder}/http_backend.log`,
  );
}
