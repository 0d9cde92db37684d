/** The head of a request (RFC 9112 3 and 5), as strict as its grammar. */
import { HttpFault } from "./fault.ts";
import { type Fields, parseFields } from "./fields.ts";
import { type Authority, parseAuthority } from "./host.ts";
import { isToken, sectionText } from "./octets.ts";

export interface RequestHead {
  readonly method: string;
  /** As it is forwarded: origin-form (of an absolute-form too) or "*". */
  readonly target: string;
  /** Of the target, as sent; "*" for the asterisk-form. */
  readonly path: string;
  /** Of the target, without "?"; "" for none. */
  readonly query: string;
  /** The value of Host. */
  readonly host: string;
  readonly fields: Fields;
  /** A WebSocket is asked for (RFC 6455 4.1). No other upgrade is passed on. */
  readonly upgrade: boolean;
}

// RFC 3986 has fewer characters; clients send these as they are. No fragment, nothing beyond ASCII.
const TARGET = /^[!-"$-~]+$/;
// NUL too: what follows it does not exist for some.
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})|%00/;
const VERSION = /^HTTP\/[0-9]\.[0-9]$/;
const ABSOLUTE = /^(https?):\/\/([^/?]*)(.*)$/i;
const DEFAULT_PORT: Record<string, string> = { http: "80", https: "443" };

/**
 * `bytes` reach from the request line to the empty line, both included. Throws HttpFault: 400, 405 for
 * CONNECT, 417 for an expectation other than 100-continue, 505 for a version other than 1.1.
 */
export function parseRequestHead(bytes: Uint8Array): RequestHead {
  const text = sectionText(bytes, 400);
  const end = text.indexOf("\r\n");
  const [method, sent] = requestLine(text.slice(0, end));
  const fields = parseFields(text, end + 2, 400);
  const { host, authority } = hostOf(fields);
  const target = forwardedTarget(method, sent, authority);
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  if (BAD_ESCAPE.test(path)) {
    throw new HttpFault(400, "a path with an escape that is none");
  }
  // Whoever took the other one would serve another account than the one that was looked up.
  if (fields.all("authorization").length > 1) {
    throw new HttpFault(400, "more than one Authorization");
  }
  if (fields.has("expect") && !expectsContinue(fields)) {
    throw new HttpFault(417, "an expectation that nobody can meet");
  }
  return {
    method,
    target,
    path,
    query: mark < 0 ? "" : target.slice(mark + 1),
    host,
    fields,
    upgrade: asksForWebSocket(method, fields),
  };
}

/** Method and target of `method SP target SP HTTP/1.1`. */
function requestLine(line: string): [string, string] {
  const one = line.indexOf(" ");
  const two = line.indexOf(" ", one + 1);
  const method = line.slice(0, one);
  const target = line.slice(one + 1, two);
  const version = line.slice(two + 1);
  if (
    one < 0 || two < 0 || target === "" || !isToken(method) ||
    !VERSION.test(version)
  ) {
    throw new HttpFault(400, "a request line that is none");
  }
  if (version !== "HTTP/1.1") {
    throw new HttpFault(505, `${version} instead of HTTP/1.1`);
  }
  const upper = method.toUpperCase();
  if (upper === "CONNECT") throw new HttpFault(405, "CONNECT");
  // A server that takes `head` for HEAD sends no body where one is awaited.
  if (upper === "HEAD" && method !== upper) {
    throw new HttpFault(400, "HEAD in another case");
  }
  return [method, target];
}

/** RFC 9112 3.2: exactly one Host, and a valid one. */
function hostOf(fields: Fields): { host: string; authority: Authority } {
  const hosts = fields.all("host");
  if (hosts.length !== 1) {
    throw new HttpFault(400, hosts.length ? "more than one Host" : "no Host");
  }
  const host = hosts[0]!;
  const authority = parseAuthority(host);
  if (authority === null) throw new HttpFault(400, "a Host that is no host");
  return { host, authority };
}

/** RFC 9112 3.2.1, 3.2.2, 3.2.4 */
function forwardedTarget(
  method: string,
  target: string,
  host: Authority,
): string {
  if (target === "*" && method === "OPTIONS") return target;
  if (!TARGET.test(target)) throw notATarget();
  if (target.startsWith("/")) return target;
  const [, scheme, authority, rest] = ABSOLUTE.exec(target) ?? [];
  if (scheme === undefined) throw notATarget();
  const named = parseAuthority(authority!);
  const usual = DEFAULT_PORT[scheme.toLowerCase()]!;
  if (
    named === null || named.host !== host.host ||
    (named.port || usual) !== (host.port || usual)
  ) {
    throw new HttpFault(400, "Host and the target's host differ");
  }
  if (rest === "") return method === "OPTIONS" ? "*" : "/";
  return rest!.startsWith("/") ? rest! : `/${rest}`;
}

function notATarget(): HttpFault {
  return new HttpFault(400, "a request target that is none");
}

/** RFC 9110 10.1.1: nothing else is defined. */
function expectsContinue(fields: Fields): boolean {
  const expected = fields.tokens("expect");
  return expected.length > 0 &&
    expected.every((what) => what === "100-continue");
}

function asksForWebSocket(method: string, fields: Fields): boolean {
  return method === "GET" &&
    fields.tokens("upgrade").includes("websocket") &&
    fields.tokens("connection").includes("upgrade") &&
    !fields.has("content-length") && !fields.has("transfer-encoding");
}
