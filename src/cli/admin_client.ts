/** One request to the management API. */
import "reflect-metadata";
import {
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import { Buffer } from "node:buffer";
import { type ByteStream, writeAll } from "../net/byte_stream.ts";
import { formatEndpoint, isAddress } from "../net/address.ts";
import { close } from "../net/bridge.ts";
import { dial } from "../net/dial.ts";
import { sha256Of } from "../pki/certificates.ts";
import type { LegSnapshot, LegTrust } from "../port/snapshot.ts";
import type { AdminTarget } from "./admin_target.ts";
import { CtlError, exits } from "./io.ts";

/** For connecting and the handshake together. */
const CONNECT_MS = 10_000;

/** For the answer; a reload with many certificates and listeners takes seconds, not minutes. */
const ANSWER_MS = 60_000;

export interface AdminAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  /** Values without line breaks. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Verification {
  /** Accept whatever certificate there is. */
  readonly insecure: boolean;
  /** PEM of authorities to verify against. */
  readonly caPem: string | undefined;
  /** PEM of the authorities that this host trusts. */
  readonly hostRoots: readonly string[];
}

/** Sends one request. Throws CtlError (unreachable) where there is no answer to it. */
export async function request(
  target: AdminTarget,
  verification: Verification,
  { method, path, headers = {}, body = "" }: AdminRequest,
): Promise<AdminAnswer> {
  const where = formatEndpoint(target.hostname, target.port);
  let stream: ByteStream | undefined;
  try {
    stream = await connect(target, where, trusts(target, verification));
    const bytes = new TextEncoder().encode(body);
    const lines = Object.entries({
      host: where,
      authorization: `Bearer ${target.token}`,
      "accept-encoding": "identity",
      connection: "close",
      "content-length": String(bytes.length),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
    await writeAll(stream, new TextEncoder().encode(head));
    // What refuses a body does not always read it: its answer says more than a failure to write.
    await writeAll(stream, bytes).catch(() => {});
    const silent = setTimeout(close, ANSWER_MS, stream);
    const answer = await readAll(stream).finally(() => clearTimeout(silent));
    return parseAnswer(answer);
  } catch (error) {
    if (error instanceof CtlError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CtlError(exits.unreachable, `${where}: ${reason}`);
  } finally {
    if (stream) close(stream);
  }
}

/**
 * Which certificates are accepted, in the order in which they are tried. The configured one is
 * known from its file, so it is recognised as it is, self-signed or expired; after a renewal that
 * is not loaded yet the one in use is another, and has to satisfy the host's trust store for the
 * same names. A self-made certificate is in no file; the root that signed it is, for those who may
 * read it. Without that and a configured one, any is accepted on a loopback address, where only this
 * host can answer, and none elsewhere but by the trust store.
 */
export function trusts(
  { hostname, certPem, rootPem }: AdminTarget,
  { insecure, caPem, hostRoots }: Verification,
): LegTrust[] {
  // RFC 6066 3: an address is no server name.
  const anyName = isAddress(hostname) ? "localhost" : hostname;
  if (insecure) return [{ kind: "none", serverName: anyName }];
  if (caPem !== undefined) {
    return [{ kind: "store", serverName: hostname, caCerts: [caPem] }];
  }
  // A self-made certificate of the management API has this name, whatever else it has.
  const own: LegTrust[] = rootPem === undefined
    ? []
    : [{ kind: "store", serverName: "localhost", caCerts: [rootPem] }];
  if (certPem !== undefined) {
    const certificate = new X509Certificate(certPem);
    const sha256 = sha256Of(certificate);
    const names = certificate.getExtension(SubjectAlternativeNameExtension)
      ?.names.toJSON().map(({ value }) => value) ?? [];
    return [
      { kind: "pin", serverName: anyName, sha256 },
      // Any label satisfies a wildcard.
      ...names.slice(0, 1).map((name) => ({
        kind: "store" as const,
        serverName: name.replace(/^\*/, "admin"),
        caCerts: hostRoots,
      })),
      ...own,
    ];
  }
  if (own.length > 0) return own;
  const loopback = hostname === "localhost" || hostname === "::1" ||
    isAddress(hostname) && hostname.startsWith("127.");
  return [
    loopback
      ? { kind: "none", serverName: anyName }
      : { kind: "store", serverName: hostname, caCerts: hostRoots },
  ];
}

async function connect(
  { hostname, port }: AdminTarget,
  where: string,
  acceptable: readonly LegTrust[],
): Promise<ByteStream> {
  let failure: unknown;
  for (const trust of acceptable) {
    const signal = AbortSignal.timeout(CONNECT_MS);
    const raw = await dial(leg(hostname, port, trust), undefined, signal);
    const abort = () => close(raw.stream);
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await raw.startTls();
    } catch (error) {
      close(raw.stream);
      failure ??= error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
  const reason = failure instanceof Error ? failure.message : String(failure);
  throw new CtlError(
    exits.unreachable,
    `${where}: ${reason} (--cacert FILE names what to trust, --insecure trusts all)`,
  );
}

function leg(host: string, port: number, trust: LegTrust): LegSnapshot {
  return {
    destination: "admin",
    protocol: "http",
    host,
    port,
    tls: "implicit",
    trust,
    forwarding: "none",
    sourceIps: [],
    hideAuthErrors: false,
    allowPlaintextAuth: false,
  };
}

/** Until the end; a server that closes without a TLS alert has said all it will. */
async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const buffer = new Uint8Array(65_536);
    const read = await stream.read(buffer).catch(() => null);
    if (read === null) break;
    chunks.push(buffer.subarray(0, read));
  }
  return Buffer.concat(chunks);
}

/** Parses a whole HTTP/1.1 answer (RFC 9112 6). Throws where it was cut short. */
export function parseAnswer(bytes: Uint8Array): AdminAnswer {
  // One byte, one character: lengths are those of the bytes.
  const text = new TextDecoder("latin1").decode(bytes);
  const [head, ...rest] = text.split("\r\n\r\n");
  const [first, ...lines] = head!.split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(first!)?.[1];
  if (status === undefined || rest.length === 0) throw new Error("no answer");
  const headers = new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [
      line.slice(0, colon).toLowerCase(),
      line.slice(colon + 1).trim(),
    ];
  }));
  const start = head!.length + 4;
  const body = headers.get("transfer-encoding") === "chunked"
    ? unchunk(bytes, text, start)
    : bytes.subarray(start);
  const length = headers.get("content-length");
  if (length !== undefined && body.length < Number(length)) {
    throw new Error("the answer was cut short");
  }
  return {
    status: Number(status),
    headers,
    body: new TextDecoder().decode(body),
  };
}

// RFC 9112 7.1
function unchunk(bytes: Uint8Array, text: string, start: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = start;;) {
    const end = text.indexOf("\r\n", at);
    const size = end < 0 ? NaN : parseInt(text.slice(at, end), 16);
    if (size === 0) break;
    if (!(end + 2 + size + 2 <= bytes.length)) {
      throw new Error("the answer was cut short");
    }
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
