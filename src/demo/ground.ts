/** What a demonstration lays out: two mail servers, and in its folder everything that the proxy reads. */
import { X509Certificate } from "node:crypto";
import { stringify } from "smol-toml";
import { createSelfSigned } from "../pki/self_signed.ts";
import { ImapBackend } from "./imap_backend.ts";
import { Mailbox } from "./mailbox.ts";
import { HOST, type Place } from "./place.ts";

export const ALICE = { user: "alice@example.com", password: "secret" };

/** Where the proxy's files are, and what is in them as far as the story needs it. */
export interface Ground {
  readonly place: Place;
  readonly configFile: string;
  readonly certFile: string;
  readonly tokenFile: string;
  readonly certPem: string;
  readonly backends: readonly ImapBackend[];
}

export async function layOut(place: Place): Promise<Ground> {
  const { folder, ports } = place;
  const certificate = await createSelfSigned(["localhost", HOST]);
  const backends = (["old", "new"] as const).map((name) =>
    new ImapBackend(
      name,
      { ...ALICE, mailbox: mailboxOf(name) },
      { hostname: HOST, port: ports[name] },
      { ...certificate, names: [], isDefault: true },
    )
  );
  const file = (name: string) => `${folder}/${name}`;
  const token = crypto.getRandomValues(new Uint8Array(24)).toHex();
  const config = configuration(place, fingerprint(certificate.certPem));
  const contents = {
    "cert.pem": certificate.certPem,
    "key.pem": certificate.keyPem,
    "token": `${token}\n`,
    "mappings": `${ALICE.user}\told\n`,
    "config.toml": stringify(config),
  };
  for (const [name, text] of Object.entries(contents)) {
    await Deno.writeTextFile(file(name), text, { mode: 0o600 });
  }
  return {
    place,
    configFile: file("config.toml"),
    certFile: file("cert.pem"),
    tokenFile: file("token"),
    certPem: certificate.certPem,
    backends,
  };
}

function configuration({ folder, ports }: Place, sha256: string) {
  const destination = (port: number) => ({
    host: HOST,
    tls_server_name: "localhost",
    tls_pinned_cert_sha256: sha256,
    proxy_protocol: false,
    protocol: { imap: { port, tls: "implicit" } },
  });
  return {
    // One worker is enough, and the terminal is for the story.
    server: { threads: 1, hostname: "localhost", log_level: "warn" },
    tls: {
      certificate: {
        demo: { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` },
      },
    },
    listener: {
      imaps: {
        protocol: "imap",
        bind: [`${HOST}:${ports.imaps}`],
        tls: "implicit",
      },
    },
    destination: {
      old: destination(ports.old),
      new: destination(ports.new),
    },
    routing: { default_destination: "old" },
    mapping: { source: "file", file: { path: `${folder}/mappings` } },
    admin: {
      bind: `${HOST}:${ports.admin}`,
      bearer_token_file: `${folder}/token`,
    },
  };
}

function mailboxOf(server: "old" | "new"): Mailbox {
  return new Mailbox([
    `From: The ${server} server <postmaster@${server}.example.com>`,
    `To: ${ALICE.user}`,
    `Subject: Hello from ${server}`,
    "Date: Thu, 01 Jan 2026 12:00:00 +0000",
    `Message-ID: <hello@${server}.example.com>`,
  ], `You are reading this on the ${server.toUpperCase()} server.\n`);
}

/** SHA-256 of a certificate as 64 hexadecimal digits. */
export function fingerprint(certPem: string): string {
  const { fingerprint256 } = new X509Certificate(certPem);
  return fingerprint256.replaceAll(":", "").toLowerCase();
}
