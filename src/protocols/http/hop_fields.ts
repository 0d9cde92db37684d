/** Which fields are not passed on as they come. */

/** Between two neighbours (RFC 9110 7.6.1); Proxy-Auth* too: nobody here asks for it. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** RFC 9110 6.5.1: framing, routing, control, authentication, and how the content is to be read. */
const NOT_TRAILING: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "age",
  "authorization",
  "cache-control",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expect",
  "expires",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "location",
  "max-forwards",
  "pragma",
  "range",
  "retry-after",
  "set-cookie",
  "trailer",
  "vary",
  "warning",
  "www-authenticate",
]);

const ODD = /[^a-z0-9-]/g;

/** What there is to know of a field by its name. */
export interface FieldKind {
  /** The name in lower case. */
  readonly lower: string;
  /**
   * The name by which it is judged. A gateway interface such as CGI makes one character of "-", "_" and
   * others, so names that differ only in these count as the same.
   */
  readonly judged: string;
  /** But for its case, that is what it is called. */
  readonly isSpelt: boolean;
  readonly isHopByHop: boolean;
  /** It says who a client is, or how it came; backends believe it of a proxy. */
  readonly isForwarding: boolean;
  /** Whether it may stand in a trailer section. */
  readonly mayTrail: boolean;
}

/** Those of the names that come all the time; whoever makes names up gets his share of it and no more. */
const known = new Map<string, FieldKind>();
const KNOWN_MAX = 256;
const KNOWN_LENGTH_MAX = 64;

/** `name` as it came. */
export function kindOf(name: string): FieldKind {
  let kind = known.get(name);
  if (kind === undefined) {
    kind = judge(name);
    if (known.size === KNOWN_MAX) known.clear();
    if (name.length <= KNOWN_LENGTH_MAX) known.set(name, kind);
  }
  return kind;
}

function judge(name: string): FieldKind {
  const lower = name.toLowerCase();
  const judged = lower.replace(ODD, "-");
  const isForwarding = judged === "forwarded" || judged === "x-real-ip" ||
    judged.startsWith("x-forwarded-");
  return {
    lower,
    judged,
    isSpelt: lower === judged,
    isHopByHop: HOP_BY_HOP.has(judged),
    isForwarding,
    mayTrail: !NOT_TRAILING.has(judged) && !isForwarding,
  };
}
