import { lookup } from "node:dns";
import { promisify } from "node:util";
import type { LegPlace } from "../port/snapshot.ts";
import { abandon } from "./abandon.ts";
import { isAddress } from "./address.ts";
import type { ByteStream } from "./byte_stream.ts";
import { close } from "./bridge.ts";
import { startNodeTls } from "./node_tls.ts";
import { provablePin } from "./pins.ts";
import { connectFrom } from "./source_address.ts";

/** A connection to a backend before its login. `startTls` takes the stream over. */
export interface RawLeg {
  readonly stream: ByteStream;
  /** Handshake and verification as the leg says; throws when the certificate does not satisfy it. */
  startTls(): Promise<ByteStream>;
  /** End the connection, a handshake under way included. */
  close(): void;
}

/** A dial failed before any byte was exchanged. `cause`: the runtime's error, where there was one. */
export class DialFailed extends Error {
  override readonly name = "DialFailed";
  constructor(
    readonly stage: "resolve" | "connect",
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

const lookupAll = promisify(lookup);

/** Name lookups are shared for so long: getaddrinfo occupies a thread for each call. */
const RESOLVED_MS = 5000;
const resolved = new Map<
  string,
  { until: number; addresses: Promise<string[]> }
>();

/** An address that does not answer must not use up the time of those that follow it. */
const ONE_OF_SEVERAL_MS = 2000;

/**
 * Connect to a leg's host, each of its addresses in turn. `signal` ends the attempt. `source` is the
 * local address to bind, or undefined.
 */
export async function dial(
  leg: LegPlace,
  source: string | undefined,
  signal: AbortSignal,
): Promise<RawLeg> {
  const addresses = isAddress(leg.host)
    ? [leg.host]
    : await orAborted(resolve(leg.host), signal);
  if (!addresses) {
    throw new DialFailed("resolve", `resolve ${leg.host}: timed out`);
  }
  let failure: unknown;
  for (const [i, hostname] of addresses.entries()) {
    const last = i === addresses.length - 1;
    const patience = last ? signal : AbortSignal.any([
      signal,
      AbortSignal.timeout(ONE_OF_SEVERAL_MS),
    ]);
    try {
      return legOver(await connect(hostname, leg.port, source, patience), leg);
    } catch (error) {
      failure = error;
      if (signal.aborted) break;
    }
  }
  const cause = signal.aborted ? "timed out" : (failure as Error).message;
  throw new DialFailed(
    "connect",
    `connect to ${leg.host} port ${leg.port}: ${cause}`,
    failure,
  );
}

async function connect(
  hostname: string,
  port: number,
  source: string | undefined,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  if (source !== undefined) {
    return await connectFrom(source, { hostname, port }, signal);
  }
  const connection = await Deno.connect({ hostname, port, signal });
  // Small replies would wait 40 ms for a full segment otherwise.
  connection.setNoDelay(true);
  connection.setKeepAlive(true);
  return connection;
}

function legOver(connection: Deno.TcpConn, leg: LegPlace): RawLeg {
  const verification = nativeVerification(leg);
  if (verification === null) {
    return {
      stream: connection,
      startTls: () => startNodeTls(connection, leg),
      close: () => close(connection),
    };
  }
  // The TLS connection takes the socket over; while its handshake runs nobody else can reach it.
  let shaking: Deno.TlsConn | null = null;
  let isTaken = false;
  return {
    stream: connection,
    async startTls() {
      const secured = await Deno.startTls(connection, verification);
      isTaken = true;
      shaking = secured;
      try {
        await secured.handshake();
      } catch (error) {
        close(secured);
        throw error;
      } finally {
        shaking = null;
      }
      return secured;
    },
    close() {
      if (shaking) abandon(shaking);
      else if (!isTaken) close(connection);
    },
  };
}

/** How the runtime's own TLS client verifies a leg; null where it cannot. */
function nativeVerification(leg: LegPlace): Deno.StartTlsOptions | null {
  const { trust, clientCertificate } = leg;
  if (clientCertificate || trust.kind === "none") return null;
  const hostname = trust.serverName;
  if (trust.kind !== "pin") {
    // It does not show the certificate, which revocation is looked up by.
    // The runtime only reads the list, which is too long to be copied for each login.
    const caCerts = trust.caCerts as string[];
    return trust.revocations ? null : { hostname, caCerts };
  }
  const pinned = provablePin(trust.sha256);
  // Its own authority, and no other: whatever it verifies, the holder of the pinned key has signed.
  return pinned
    ? { hostname, caCerts: [pinned], unsafelyDisableHostnameVerification: true }
    : null;
}

async function resolve(host: string): Promise<string[]> {
  const now = performance.now();
  let entry = resolved.get(host);
  if (!entry || entry.until < now) {
    const addresses = lookupAll(host, { all: true }).then((all) =>
      all.map((a) => a.address)
    );
    entry = { until: now + RESOLVED_MS, addresses };
    resolved.set(host, entry);
    addresses.catch(() => resolved.delete(host));
  }
  try {
    return await entry.addresses;
  } catch (error) {
    throw new DialFailed(
      "resolve",
      `resolve ${host}: ${(error as Error).message}`,
      error,
    );
  }
}

/** A lookup cannot be called off, but need not be waited for; null when the signal comes first. */
async function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T | null> {
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const abort = () => resolve(null);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
