/**
 * Heads as they go on: without the fields between two neighbours and those that Connection names
 * (RFC 9110 7.6.1), the others in their order and spelling, the framing written anew.
 */
import type { Fields } from "./fields.ts";
import type { Framing } from "./framing.ts";
import { lengthSaid } from "./framing.ts";
import { type FieldKind, kindOf } from "./hop_fields.ts";
import { octetsOf } from "./octets.ts";
import type { RequestHead } from "./request.ts";
import type { ResponseHead } from "./response.ts";

const NO_LETTER = /[^a-z]/gi;

export interface TowardsBackend {
  readonly framing: Framing;
  /**
   * Forwarded, X-Forwarded-* and X-Real-IP of the client are kept; else they are stripped, those too
   * that the proxy itself never writes: a backend that believes one of them believes them all.
   */
  readonly trusted: boolean;
  /** Address to append to Forwarded and X-Forwarded-For, last; null: nothing is appended. */
  readonly client: string | null;
  /** Expect: 100-continue is passed on. */
  readonly expect: boolean;
}

export interface TowardsClient {
  readonly framing: Framing;
  /** `connection: close` is added, as it is for a body to the end of the connection. */
  readonly close: boolean;
}

/** With `body` behind it, as far as that is there. */
export function headForBackend(
  request: RequestHead,
  how: TowardsBackend,
  body?: Uint8Array,
): Uint8Array {
  const { fields } = request;
  const forwarded: string[] = [];
  const addresses: string[] = [];
  let text = `${request.method} ${request.target} HTTP/1.1\r\n`;
  text += passedOn(fields, how.framing, (kind, value) => {
    const { judged } = kind;
    if (judged === "expect") return how.expect;
    if (!kind.isForwarding) return true;
    // The trusted one let it through for another field, so it is the word of whoever came to it.
    if (!kind.isSpelt) return false;
    if (how.trusted && how.client !== null) {
      if (judged === "forwarded") return collect(forwarded, value);
      if (judged === "x-forwarded-for") return collect(addresses, value);
    }
    return how.trusted;
  });
  if (request.upgrade) {
    text += "connection: upgrade\r\nupgrade: websocket\r\n";
  } else if (fields.tokens("te").includes("trailers")) {
    text += "connection: te\r\nte: trailers\r\n";
  }
  if (how.client !== null) {
    const before = forwarded.filter(isWhole);
    text += `forwarded: ${[...before, forElement(how.client)].join(", ")}\r\n`;
    text += `x-forwarded-for: ${[...addresses, how.client].join(", ")}\r\n`;
  }
  return octetsOf(`${text}\r\n`, body);
}

/**
 * Always HTTP/1.1, whatever the backend speaks; a 101 keeps what makes it one. With `body` behind it, as
 * far as that is there.
 */
export function headForClient(
  response: ResponseHead,
  how: TowardsClient,
  body?: Uint8Array,
): Uint8Array {
  const { status, fields } = response;
  let text = `HTTP/1.1 ${status} ${response.reason}\r\n`;
  // What a HEAD or a 304 says of its length is not its framing (RFC 9110 8.6).
  const length = how.framing.kind === "none" && status >= 200 && status !== 204
    ? lengthSaid(fields)
    : null;
  const framing = length === null
    ? how.framing
    : { kind: "length", length } as const;
  // It names other ways to the backend, which would lead the client past the proxy (RFC 7838 3).
  text += passedOn(fields, framing, ({ judged }) => judged !== "alt-svc");
  if (status === 101) {
    text += "connection: upgrade\r\n";
    for (const value of fields.all("upgrade")) text += `upgrade: ${value}\r\n`;
  } else if (how.close || how.framing.kind === "close") {
    text += "connection: close\r\n";
  }
  return octetsOf(`${text}\r\n`, body);
}

/** The lines that go on, with the framing in the place of the one that came. */
function passedOn(
  fields: Fields,
  framing: Framing,
  keeps: (kind: FieldKind, value: string) => boolean,
): string {
  const named = fields.connection.map((name) => kindOf(name).judged);
  let left = framingLine(framing);
  let text = "";
  // Where lines begin that go on as they came, which nearly all do; they are taken together.
  let run = -1;
  const { lines, kinds } = fields;
  for (let i = 0; i < lines.length; i++) {
    const { name, value } = lines[i]!;
    const kind = kinds[i]!;
    const { judged } = kind;
    const isFraming = judged === left?.name;
    const isKept = isFraming ||
      judged !== "content-length" && !kind.isHopByHop &&
        (!named.includes(judged) || judged === "host") && keeps(kind, value);
    const isSame = isKept &&
      (!isFraming || value === left!.value && kind.isSpelt);
    const start = isSame ? fields.plainStart(i) : -1;
    if (start < 0 && run >= 0) {
      text += fields.asCame(run, i);
      run = -1;
    } else if (run < 0) run = start;
    if (isFraming) {
      if (start < 0) {
        text += `${name.replace(NO_LETTER, "-")}: ${left!.value}\r\n`;
      }
      left = null;
    } else if (isKept && start < 0) text += `${name}: ${value}\r\n`;
  }
  if (run >= 0) text += fields.asCame(run, lines.length);
  return left === null ? text : `${text}${left.name}: ${left.value}\r\n`;
}

function framingLine(framing: Framing): { name: string; value: string } | null {
  switch (framing.kind) {
    case "length":
      return { name: "content-length", value: String(framing.length) };
    case "chunked":
      return { name: "transfer-encoding", value: "chunked" };
    default:
      return null;
  }
}

/** Takes a value for a line of its own at the end, so that it is not passed on in its place. */
function collect(values: string[], value: string): false {
  if (value !== "") values.push(value);
  return false;
}

/** RFC 7239 4, 6: a colon is not for a token. */
function forElement(address: string): string {
  return address.includes(":") ? `for="[${address}]"` : `for=${address}`;
}

/** Whether every quoted string ends: what is appended to one that does not would be a part of it. */
function isWhole(value: string): boolean {
  let isQuoted = false;
  for (let at = 0; at < value.length; at++) {
    if (value[at] === '"') isQuoted = !isQuoted;
    else if (isQuoted && value[at] === "\\") at++;
  }
  return !isQuoted;
}
