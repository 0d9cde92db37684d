/**
 * Building blocks of the schema. Each says in one message what would be right; the loader adds what
 * was found (never for secrets), so a message here does not repeat the value.
 */
import { isIP } from "node:net";
import { z } from "zod";

/** Whether a reload may change a key while serving, or only a restart can. */
export type Reload = "live" | "restart";

export interface KeyMeta {
  /** One or two sentences for the reference page. */
  readonly description: string;
  /** Default "live". */
  readonly reload?: Reload;
  /** The value must never appear in a message or a dump; of a "url" only the password is secret. */
  readonly secret?: true | "url";
  /** What is written in the reference as the default when the schema has none. */
  readonly unset?: string;
}

/** Attach what the reference page, the reload and the error messages need to know about a key. */
export function key<T extends z.ZodType>(schema: T, meta: KeyMeta): T {
  return schema.meta({ ...meta });
}

/** An error text for any wrong value, with "required" in front when there is none. */
export function expected(what: string): { error: z.core.$ZodErrorMap } {
  return {
    error: (issue) =>
      issue.input === undefined ? `required: ${what}` : `must be ${what}`,
  };
}

/** A string that satisfies `test`. */
export function text(
  what: string,
  test: (value: string) => boolean,
): z.ZodString {
  return z.string(expected(what)).refine(test, { error: `must be ${what}` });
}

/** A whole number with bounds, both included. */
export function whole(min: number, max: number): z.ZodInt {
  const what = `a whole number from ${min} to ${max}`;
  return z.int(expected(what))
    .min(min, { error: `must be ${what}` })
    .max(max, { error: `must be ${what}` });
}

export function flag(): z.ZodBoolean {
  return z.boolean(expected("true or false"));
}

export function oneOf<const T extends readonly [string, ...string[]]>(
  values: T,
) {
  return z.enum(
    values,
    expected(`one of ${values.map((value) => `"${value}"`).join(", ")}`),
  );
}

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export const DURATION = /^(\d{1,15})(ms|s|m|h|d)$/;

/** Milliseconds of "10s", "5m", "200ms", "1d"; null when it is not of that form. */
export function parseDuration(value: string): number | null {
  const match = DURATION.exec(value);
  if (match === null) return null;
  const ms = Number(match[1]) * UNIT_MS[match[2]!]!;
  return Number.isSafeInteger(ms) ? ms : null;
}

/** The shortest form that `parseDuration` reads back as `ms`. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const) {
    const size = UNIT_MS[unit]!;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** Timers count in 31 bits: a longer delay would fire at once, so time-outs end at 24 days. */
export const LONGEST_TIMEOUT = 24 * UNIT_MS["d"]!;

/** A duration as milliseconds. Bounds are in milliseconds, both included. */
export function duration(min = 1, max = LONGEST_TIMEOUT) {
  const what = 'a number and one of ms, s, m, h, d, such as "30s"';
  const typed = z.string(expected(what)).meta({ title: "duration" });
  return typed.transform((value, context) => {
    const ms = parseDuration(value);
    if (ms === null || ms < min || ms > max) {
      const message = ms === null
        ? `must be ${what}`
        : `must be from ${formatDuration(min)} to ${formatDuration(max)}`;
      context.issues.push({ code: "custom", message, input: value });
      return z.NEVER;
    }
    return ms;
  });
}

/** A literal address and a port, as `[admin] bind` and listeners have it. */
export interface Endpoint {
  readonly hostname: string;
  readonly port: number;
}

/** Parse `192.0.2.1:993` or `[2001:db8::1]:993`; null for anything else. Port 0 means any free one. */
export function parseEndpoint(value: string): Endpoint | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  if (match === null) return null;
  const hostname = match[1] ?? match[2]!;
  const port = Number(match[3]);
  const family = match[1] === undefined ? 4 : 6;
  if (isIP(hostname) !== family || port > 65535) return null;
  return { hostname, port };
}

export function endpoint(): z.ZodString {
  return text(
    'an IP address and a port, such as "0.0.0.0:993" or "[::]:993"',
    (value) => parseEndpoint(value) !== null,
  );
}

/** True for `192.0.2.0/24`, `2001:db8::/32` and single addresses. */
export function isCidr(value: string): boolean {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value);
  if (match === null) return false;
  const family = isIP(match[1]!);
  if (family === 0 || match[1]!.includes("%")) return false;
  return match[2] === undefined ||
    Number(match[2]) <= (family === 4 ? 32 : 128);
}

export function cidr(): z.ZodString {
  return text(
    'an address range, such as "10.0.0.0/8" or "2001:db8::/32"',
    isCidr,
  );
}

export function ipAddress(): z.ZodString {
  return text(
    "an IP address without a port",
    (value) => isIP(value) !== 0 && !value.includes("%"),
  );
}

/** True for an IP address or a name that DNS could hold. */
export function isHost(value: string): boolean {
  if (isIP(value) !== 0) return true;
  const name = value.endsWith(".") ? value.slice(0, -1) : value;
  // A last label of digits alone is a mistyped IPv4 address, never a top-level domain (RFC 3696 2).
  return name.length <= 253 && !/(^|\.)\d+$/.test(name) &&
    name.split(".").every((label) =>
      /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label)
    );
}

export function host(): z.ZodString {
  return text(
    'a host name or an IP address, without port or brackets (names outside ASCII in their "xn--" form)',
    isHost,
  );
}

/** A file path; relative ones start at the working directory. */
export function filePath(): z.ZodString {
  return text(
    "the path of a file",
    (value) => value.length > 0 && !value.includes("\0"),
  );
}

/** Words that go out on a line of their protocol: visible ASCII and spaces, nothing that could end the line. */
export function lineText(): z.ZodString {
  return text(
    "at most 400 visible ASCII characters on one line",
    (value) => /^[\x20-\x7e]{1,400}$/.test(value),
  );
}
