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

/**
 * The name by which a field is judged. A gateway interface such as CGI makes one character of "-", "_"
 * and others, so names that differ only in these count as the same.
 */
export function judgedName(name: string): string {
  return name.toLowerCase().replace(ODD, "-");
}

/** `judged`: from `judgedName`. */
export function isHopByHop(judged: string): boolean {
  return HOP_BY_HOP.has(judged);
}

/** `judged`: from `judgedName`. What says who a client is, or how it came; backends believe it of a proxy. */
export function isForwarding(judged: string): boolean {
  return judged === "forwarded" || judged === "x-real-ip" ||
    judged.startsWith("x-forwarded-");
}

/** Whether a field may stand in a trailer section. */
export function mayTrail(name: string): boolean {
  const judged = judgedName(name);
  return !NOT_TRAILING.has(judged) && !isForwarding(judged);
}
