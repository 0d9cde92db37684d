/** One request to the management API. */
import { type ByteStream, writeAll } from "../net/byte_stream.ts";
import { formatEndpoint, isAddress } from "../net/address.ts";
import { close } from "../net/bridge.ts";
import { dial } from "../net/dial.ts";
import { certificateDer, readCertificate, sha256Of } from "../net/x509.ts";
import type { LegSnapshot, LegTrust } from "../port/snapshot.ts";
import type { AdminTarget } from "./admin_target.ts";
import { type HttpAnswer, readAnswer, textOf } from "./http_answer.ts";
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

/** A body that is sent while it is read. */
export interface StreamedBody {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Bytes, where that is known. */
  readonly size: number | null;
}

export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  /** Values without line breaks. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | StreamedBody;
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
  sent: AdminRequest,
): Promise<AdminAnswer> {
  return await exchange(target, verification, sent, async (answer, stream) => {
    const { status, headers } = answer;
    const silent = setTimeout(close, ANSWER_MS, stream);
    try {
      return { status, headers, body: await textOf(answer) };
    } finally {
      clearTimeout(silent);
    }
  });
}

/**
 * Sends one request and has its answer taken while it comes. A streamed body is no longer sent once there
 * is an answer. Throws CtlError (unreachable) where there is no answer, or not all of it.
 */
export async function exchange<T>(
  target: AdminTarget,
  verification: Verification,
  { method, path, headers = {}, body = "" }: AdminRequest,
  take: (answer: HttpAnswer, stream: ByteStream) => Promise<T>,
): Promise<T> {
  const where = formatEndpoint(target.hostname, target.port);
  let stream: ByteStream | undefined;
  let unreadable: CtlError | null = null;
  try {
    stream = await connect(target, where, trusts(target, verification));
    const lines = Object.entries({
      host: where,
      authorization: `Bearer ${target.token}`,
      "accept-encoding": "identity",
      connection: "close",
      ...lengthOf(body),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
    await writeAll(stream, new TextEncoder().encode(head));
    const isStreamed = typeof body !== "string";
    const silent = isStreamed
      ? undefined
      : setTimeout(close, ANSWER_MS, stream);
    const answer = readAnswer(() => readSome(stream!));
    const sending = send(stream, body, answer).catch((error) => {
      // What refuses a body does not always read it: its answer says more than a failure to write.
      if (!(error instanceof CtlError)) return;
      unreadable = error;
      close(stream!);
    });
    const answered = await answer.finally(() => clearTimeout(silent));
    const taken = await take(answered, stream);
    close(stream);
    await sending;
    return taken;
  } catch (error) {
    if (unreadable !== null) throw unreadable;
    if (error instanceof CtlError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CtlError(exits.unreachable, `${where}: ${reason}`);
  } finally {
    if (stream) close(stream);
  }
}

function lengthOf(body: string | StreamedBody): Record<string, string> {
  const length = typeof body === "string"
    ? new TextEncoder().encode(body).length
    : body.size;
  return length === null
    ? { "transfer-encoding": "chunked" }
    : { "content-length": String(length) };
}

async function send(
  stream: ByteStream,
  body: string | StreamedBody,
  answer: Promise<unknown>,
): Promise<void> {
  const encoder = new TextEncoder();
  if (typeof body === "string") {
    return await writeAll(stream, encoder.encode(body));
  }
  let isAnswered = false;
  const done = () => void (isAnswered = true);
  answer.then(done, done);
  const { chunks, size } = body;
  // RFC 9112 7.1
  for await (const chunk of chunks) {
    if (isAnswered) return;
    if (chunk.length === 0) continue;
    if (size === null) {
      const head = `${chunk.length.toString(16)}\r\n`;
      await writeAll(stream, encoder.encode(head));
    }
    await writeAll(stream, chunk);
    if (size === null) await writeAll(stream, encoder.encode("\r\n"));
  }
  if (size === null) await writeAll(stream, encoder.encode("0\r\n\r\n"));
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
    const der = certificateDer(certPem);
    const sha256 = sha256Of(der);
    const names = readCertificate(der).alternativeNames
      .filter(({ type }) => type === "dns" || type === "ip")
      .map(({ value }) => value);
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

/** Null at the end; a server that closes without a TLS alert has said all it will. */
async function readSome(stream: ByteStream): Promise<Uint8Array | null> {
  const buffer = new Uint8Array(65_536);
  const read = await stream.read(buffer).catch(() => null);
  return read === null ? null : buffer.subarray(0, read);
}
