/**
 * The immutable configuration as the data plane sees it. The control plane builds one from the
 * validated configuration file for each generation; a worker never reads a file or the environment.
 * All durations are milliseconds.
 */

/** Protocols that a listener can speak and a destination can have a leg for. */
export type ProtocolName =
  | "imap"
  | "pop3"
  | "managesieve"
  | "submission"
  | "smtp"
  | "lmtp"
  | "http";

/** How TLS starts on a listener or a leg. */
export type TlsMode = "implicit" | "starttls" | "plain";

/** How a leg is told the client's address: PROXY v2, XCLIENT (for IMAP: ID), or not at all. */
export type Forwarding = "proxy" | "xclient" | "none";

/** A socket address with a literal IP. */
export interface SocketAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Address ranges that do not overlap, in ascending order: the first and the last address of each, as words
 * of 32 bits, one for each IPv4 address and four for each IPv6 address.
 */
export interface PackedRanges {
  readonly four: Uint32Array;
  readonly six: Uint32Array;
}

/** One bound listener. */
export interface ListenerSnapshot {
  readonly name: string;
  readonly protocol: ProtocolName;
  readonly bind: readonly SocketAddress[];
  readonly tls: TlsMode;
  readonly proxyProtocol: "off" | "optional" | "required";
  /** Peers that may say who the client is: in any of these. */
  readonly proxyTrusted: readonly PackedRanges[];
  /** Clients have to be in one of these; absent: all may come. */
  readonly allow?: readonly PackedRanges[];
  /** Clients in one of these are refused, allowed or not. */
  readonly deny?: readonly PackedRanges[];
  readonly maxConnections: number;
  readonly preauthTimeout: number;
  readonly maxAuthAttempts: number;
  /** smtp and lmtp: each recipient has a destination, in place of the bridge. */
  readonly byRecipient?: true;
  /** http: what clients say of who they are forwarded for is passed on. */
  readonly trustsForwarded?: true;
}

/** The certificates that one authority has revoked, as of one of its lists (RFC 5280 section 5). */
export interface RevocationList {
  /** DER of the authority's name, in hex. */
  readonly issuer: string;
  /**
   * Serial numbers without zeros in front: by their length in octets, sorted, one behind the other.
   * It is looked up in as it is, since a list may have very many.
   */
  readonly serials: ReadonlyMap<number, Uint8Array>;
  /** When it was made, in milliseconds since the epoch, and when a newer one is due, if that is said. */
  readonly issued: number;
  readonly due?: number;
  /** Where the list speaks only of certificates with one of these distribution points: DER of their names. */
  readonly points: readonly Uint8Array[];
}

/** A certificate that an authority has signed. */
interface VerifiedTrust {
  readonly serverName: string;
  /** PEM of the authorities that may have signed the certificate. */
  readonly caCerts: readonly string[];
  /** Absent where revocation does not count; else a certificate that none of them speaks of is refused. */
  readonly revocations?: readonly RevocationList[];
}

/**
 * How the certificate of a TLS leg is judged. `store` are authorities of this host, `authorities`
 * the destination's own; `pin` is the SHA-256 of the exact certificate, lower-case hex.
 */
export type LegTrust =
  | VerifiedTrust & { readonly kind: "store" }
  | VerifiedTrust & { readonly kind: "authorities" }
  | {
    readonly kind: "pin";
    readonly serverName: string;
    readonly sha256: string;
  }
  | { readonly kind: "none"; readonly serverName: string };

/** One protocol of a destination, with everything that is needed to dial it. */
export interface LegSnapshot {
  readonly destination: string;
  readonly protocol: ProtocolName;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMode;
  readonly trust: LegTrust;
  readonly clientCertificate?: {
    readonly certPem: string;
    readonly keyPem: string;
  };
  readonly forwarding: Forwarding;
  readonly sourceIps: readonly string[];
  readonly hideAuthErrors: boolean;
  readonly allowPlaintextAuth: boolean;
  /** http: the client's address is appended to Forwarded and X-Forwarded-For. */
  readonly forwarded?: true;
  /** An administrator has closed it to new logins. */
  readonly closed?: true;
}

/** What of a leg it takes to connect to it. */
export type LegPlace = Pick<
  LegSnapshot,
  "host" | "port" | "trust" | "clientCertificate"
>;

export interface DestinationSnapshot {
  readonly name: string;
  readonly legs: Readonly<Partial<Record<ProtocolName, LegSnapshot>>>;
}

/** A certificate for listeners. `names` are lower-case DNS names, possibly `*.example.com` or `*`. */
export interface CertificateSnapshot {
  readonly certPem: string;
  readonly keyPem: string;
  readonly names: readonly string[];
  readonly isDefault: boolean;
}

/** SASL mechanisms that the proxy can accept and replay. */
export type Mechanism = "PLAIN" | "LOGIN" | "OAUTHBEARER" | "XOAUTH2";

/** What every protocol with a login decides on before it. */
export interface LoginCapabilities {
  readonly sasl: readonly Mechanism[];
  readonly allowPlainAuthWithoutTls: boolean;
}

export interface ImapCapabilities extends LoginCapabilities {
  readonly banner: string;
  /** Capability words without AUTH=, STARTTLS and LOGINDISABLED, which follow from the state. */
  readonly advertise: readonly string[];
}

export interface Pop3Capabilities extends LoginCapabilities {
  readonly banner: string;
}

export interface ManageSieveCapabilities extends LoginCapabilities {
  readonly implementation: string;
  /** Sieve extensions. */
  readonly sieve: readonly string[];
}

export interface SubmissionCapabilities extends LoginCapabilities {
  readonly banner: string;
  /** EHLO keywords with their parameters, without AUTH and STARTTLS. */
  readonly ehlo: readonly string[];
}

/** What the proxy says of itself before login, by protocol. */
export interface Capabilities {
  readonly imap: ImapCapabilities;
  readonly pop3: Pop3Capabilities;
  readonly managesieve: ManageSieveCapabilities;
  readonly submission: SubmissionCapabilities;
}

/** How listeners with `route = "recipient"` speak. */
export interface RecipientRouting {
  /** What separates a detail from the account in a local part; "" for nothing. */
  readonly delimiter: string;
  /** EHLO keywords with their parameters. */
  readonly ehlo: readonly string[];
}

/** Where an HTTP request names its account. */
export type ExtractionSnapshot =
  | { readonly from: "authorization" }
  | { readonly from: "query"; readonly param: string }
  | { readonly from: "header"; readonly header: string }
  | { readonly from: "body"; readonly regex: string };

/** One `[[http.route]]`; "default" is replaced by the name of the default destination. */
export interface HttpRouteSnapshot {
  /** Pattern of the path. */
  readonly match: string;
  /** Where all such requests go; absent where `extract` decides. */
  readonly destination?: string;
  readonly extract?: ExtractionSnapshot;
  /** Where requests go that name no account. */
  readonly fallback?: string;
}

/** `[http]`. */
export interface HttpSnapshot {
  readonly routes: readonly HttpRouteSnapshot[];
  /** Bytes. */
  readonly bodyExtractCap: number;
  readonly maxHeadSize: number;
  readonly relayIdle: number;
  readonly keepaliveTimeout: number;
  readonly maxKeepaliveRequests: number;
  readonly accessLog: boolean;
}

/** What of `[limits]` a worker has to know: when to ask the control plane, which does the counting. */
export interface LimitsSnapshot {
  readonly trustedNetworks: readonly string[];
  /** Protocols that ask for each connection. */
  readonly connections: readonly ProtocolName[];
  /** Protocols that ask for each login. */
  readonly logins: readonly ProtocolName[];
  /** Refused logins are told. */
  readonly failures: boolean;
}

export interface WorkerSnapshot {
  readonly generation: number;
  /** Name for greetings; undefined: the local address of the connection. */
  readonly hostname: string | undefined;
  readonly listeners: readonly ListenerSnapshot[];
  readonly destinations: Readonly<Record<string, DestinationSnapshot>>;
  readonly defaultDestination: string;
  /** Where smtp and lmtp listeners are bridged to; null when there are none. */
  readonly smtpPassthrough: string | null;
  readonly normalize: "none" | "lowercase";
  readonly masterUserSeparators: readonly string[];
  readonly jwtUsernameClaim: string;
  readonly capabilities: Capabilities;
  readonly certificates: readonly CertificateSnapshot[];
  /**
   * All authorities that this host trusts. A leg's own `caCerts` is narrowed to the one that signed
   * for it, since every connection holds a copy; when that one no longer does, these count.
   */
  readonly trustRoots: readonly string[];
  readonly minTlsVersion: "1.2" | "1.3";
  readonly bridgeIdle: number;
  readonly backendTimeout: number;
  readonly connectRetries: number;
  /** TTL that the proxy gives a chain that starts here (spec section 8). */
  readonly proxyTtl: number;
  /** Absent where no listener routes by recipient. */
  readonly recipients?: RecipientRouting;
  /** Absent without an http listener. */
  readonly http?: HttpSnapshot;
  /** Absent where nothing is limited. */
  readonly limits?: LimitsSnapshot;
  /** How many a second this worker may let through, null for all; absent where none is set. */
  readonly paces?: {
    readonly connections: number | null;
    readonly logins: number | null;
  };
}
