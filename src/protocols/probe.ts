/** Trying a leg without a login: what `check --probe` and `advertise = "probe"` go by. */
import { hasStartTls, isPassThrough } from "../config/protocols.ts";
import { formatEndpoint } from "../net/address.ts";
import { writeAll } from "../net/byte_stream.ts";
import { dial, DialFailed } from "../net/dial.ts";
import { encodeProxyV2 } from "../net/proxy_v2.ts";
import type { LegSnapshot, TlsMode } from "../port/snapshot.ts";
import { BackendLeg } from "./backend_leg.ts";
import {
  BackendFailure,
  type BackendOffer,
  type FailureStage,
} from "./protocol.ts";
import * as http from "./http/back.ts";
import * as smtp from "./smtp/back.ts";
import { findLineProtocol } from "./table.ts";

export type ProbeResult =
  | {
    readonly ok: true;
    readonly offer: BackendOffer;
  }
  | {
    readonly ok: false;
    readonly stage: FailureStage;
    readonly message: string;
    /** What is probably wrong and what would mend it. */
    readonly cause: string;
  };

type Trial =
  | { readonly ok: true; readonly offer: BackendOffer }
  | {
    readonly ok: false;
    readonly stage: FailureStage;
    readonly message: string;
  };

/** A leg that fails in one of these has shown its certificate, and that was good. */
const BEHIND_TLS: ReadonlySet<FailureStage> = new Set([
  "forwarding",
  "auth",
  "response",
]);

/** A second try with one setting changed need not wait as long as a login would. */
const VARIANT_MS = 3000;

/** Dial a leg, greet, secure and ask what it offers; on failure find out why. `timeout` in ms. */
export async function probeLeg(
  leg: LegSnapshot,
  timeout: number,
): Promise<ProbeResult> {
  const trial = await tryLeg(leg, timeout);
  if (trial.ok) return trial;
  return { ...trial, cause: await likelyCause(leg, trial, timeout) };
}

/** A result in words: one line, and another with the likely cause of a failure. */
export function describeProbe(leg: LegSnapshot, result: ProbeResult): string {
  const where = formatEndpoint(leg.host, leg.port);
  const head = `${leg.destination} ${leg.protocol} ${where} (${leg.tls})`;
  if (!result.ok) {
    return `${head}: FAILED at ${result.stage}: ${result.message}\n  likely cause: ${result.cause}`;
  }
  return `${head}: ok: ${[...result.offer.capabilities].join(" ")}`;
}

/**
 * Which of `roots` signed for a leg, found by halving them: the runtime does not show the chain of a
 * certificate. Undefined when the leg cannot be reached or none of them did.
 */
export async function findRoot(
  leg: LegSnapshot,
  roots: readonly string[],
  timeout: number,
): Promise<string | undefined> {
  const signs = async (caCerts: readonly string[]) => {
    const trust = {
      kind: "store",
      serverName: leg.trust.serverName,
      caCerts,
    } as const;
    const trial = await tryLeg({ ...leg, trust }, timeout);
    return trial.ok || BEHIND_TLS.has(trial.stage);
  };
  if (!await signs(roots)) return undefined;
  let candidates = roots;
  while (candidates.length > 1) {
    const half = candidates.slice(0, candidates.length >> 1);
    candidates = await signs(half) ? half : candidates.slice(half.length);
  }
  // A backend that went away in between would have made every answer a no.
  return await signs(candidates) ? candidates[0] : undefined;
}

async function tryLeg(leg: LegSnapshot, timeout: number): Promise<Trial> {
  const abort = new AbortController();
  let io: BackendLeg | null = null;
  const timer = setTimeout(() => {
    abort.abort();
    io?.close();
  }, timeout);
  try {
    io = new BackendLeg(await dial(leg, leg.sourceIps[0], abort.signal), leg);
    // LOCAL: the connection is the proxy's own (PROXY protocol, section 2.2).
    if (leg.forwarding === "proxy") {
      await writeAll(io.stream, encodeProxyV2(null));
    }
    if (leg.tls === "implicit") await io.startTls();
    const { openBackend } = findLineProtocol(leg.protocol) ??
      (isPassThrough(leg.protocol) ? smtp : http);
    const offer = await openBackend(io, { leg, forwarded: null });
    return { ok: true, offer };
  } catch (error) {
    const message = (error as Error).message;
    const late = abort.signal.aborted ? "no answer in time: " : "";
    if (error instanceof DialFailed) {
      return { ok: false, stage: error.stage, message };
    }
    const stage = error instanceof BackendFailure ? error.stage : "greeting";
    return { ok: false, stage, message: late + message };
  } finally {
    clearTimeout(timer);
    io?.close();
  }
}

async function likelyCause(
  leg: LegSnapshot,
  { stage, message }: { stage: FailureStage; message: string },
  timeout: number,
): Promise<string> {
  const where = `${leg.host} port ${leg.port}`;
  if (stage === "resolve") {
    return `the name ${leg.host} is not known to this host's resolver`;
  }
  if (stage === "connect") {
    return /refused/i.test(message)
      ? `nothing listens on ${where}: check host and port, and whether the server runs`
      : `${where} does not answer: a firewall or a wrong address`;
  }
  const { trust } = leg;
  // The verification that comes with revocation does not say what it found.
  if ("caCerts" in trust && trust.revocations && UNVERIFIED.test(message)) {
    const { revocations: _, ...plain } = trust;
    const trial = await tryLeg({ ...leg, trust: plain }, timeout);
    if (!trial.ok) message = trial.message;
  }
  return certificateCause(leg, message) ??
    await variantCause(leg, Math.min(timeout, VARIANT_MS)) ??
    `${where} is reachable but does not speak ${leg.protocol} as the leg expects`;
}

/** What `startNodeTls` says of a certificate; a handshake that was cut off looks the same. */
const UNVERIFIED = /^(?!no answer in time).*could not be verified/;

/** The TLS library's words for a certificate that it does not accept; they differ by its release. */
function certificateCause(leg: LegSnapshot, message: string): string | null {
  const { serverName, kind } = leg.trust;
  const [signers, mend] = kind === "authorities"
    ? [
      "an authority in tls_ca_file",
      "add the authority there, and those between it and the certificate where the backend does not show them",
    ]
    : [
      "an authority that this host trusts",
      "name the authority (tls_ca_file), or set tls_pinned_cert_sha256",
    ];
  const causes: [RegExp, string][] = [
    [
      /UnknownIssuer/,
      `the certificate is not signed by ${signers}: ${mend}`,
    ],
    [
      /NotValidForName|not valid for name/,
      `the certificate is not for ${serverName}: set tls_server_name to a name that it has`,
    ],
    [/expired/i, "the certificate has expired"],
    [
      /NotValidYet|not valid yet/,
      "the certificate is not valid yet: check the clocks",
    ],
    [
      /CaUsedAsEndEntity/,
      "the certificate is marked as an authority (CA:TRUE), as self-made ones often are: set tls_pinned_cert_sha256",
    ],
    [
      /was revoked by its authority/,
      "the certificate is in tls_crl_file: the backend needs another one",
    ],
    [
      /not covered by tls_crl_file/,
      "tls_crl_file has no list of the authority that signed the certificate: add the list of each that signs for backends",
    ],
    [
      UNVERIFIED,
      `the certificate is not signed by ${signers}, or is not for ${serverName}`,
    ],
    [
      /not the pinned one/,
      "the backend has another certificate than the pinned one: renewed, or somebody is between",
    ],
  ];
  return causes.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}

/** Change one setting at a time until the leg answers: that setting is the cause. */
async function variantCause(
  leg: LegSnapshot,
  timeout: number,
): Promise<string | null> {
  const other: LegSnapshot = {
    ...leg,
    forwarding: leg.forwarding === "proxy" ? "none" : "proxy",
  };
  if ((await tryLeg(other, timeout)).ok) {
    return leg.forwarding === "proxy"
      ? "the backend does not expect a PROXY header: set proxy_protocol = false (or teach the backend to take one)"
      : 'the backend expects a PROXY header: set forwarding = "proxy"';
  }
  const modes: TlsMode[] = [
    "implicit",
    ...hasStartTls(leg.protocol) ? ["starttls"] as const : [],
    "plain",
  ];
  for (const tls of modes.filter((mode) => mode !== leg.tls)) {
    const variant: LegSnapshot = {
      ...leg,
      tls,
      trust: { kind: "none", serverName: leg.trust.serverName },
    };
    if ((await tryLeg(variant, timeout)).ok) {
      return `the backend answers with tls = "${tls}" there, not with "${leg.tls}"`;
    }
  }
  return null;
}
