/** `uri-host [ ":" port ]`, as in Host and in the absolute-form (RFC 9110 7.2, RFC 3986 3.2.2). */
import { isAddress } from "../../net/address.ts";

export interface Authority {
  /** In lower case; an IPv6 address with its brackets. */
  readonly host: string;
  /** "" for none. */
  readonly port: string;
}

// RFC 3986 allows sub-delims and percent-encoding in a name too; no name in use has them, and some read
// a list or another name in them.
const AUTHORITY = /^([a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::([0-9]{0,5}))?$/;

/** The last one: clients ask for the same host again and again. */
let last = { text: "", authority: null as Authority | null };

/** Null for what is none: user info, white space, a path, an empty name, a port that does not exist. */
export function parseAuthority(text: string): Authority | null {
  if (text !== last.text) last = { text, authority: readAuthority(text) };
  return last.authority;
}

function readAuthority(text: string): Authority | null {
  const match = AUTHORITY.exec(text.toLowerCase());
  if (match === null) return null;
  const host = match[1]!;
  const port = match[2] ?? "";
  if (Number(port) > 65535) return null;
  if (host.startsWith("[")) {
    const address = host.slice(1, -1);
    if (!address.includes(":") || !isAddress(address)) return null;
  }
  return { host, port };
}
