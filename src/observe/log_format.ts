import type { LogLine } from "../port/messages.ts";

/** A line with its moment, ready to be written. */
export interface TimedLine extends LogLine {
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** Longer values are cut: a peer must not be able to fill the disk with one line. */
const LONGEST_VALUE = 4096;

/**
 * Control characters (C0, DEL, C1), line and paragraph separators and bidirectional overrides: in a
 * value that a client chose they could begin a new line or make a terminal show something else.
 */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** One JSON object: `time` (RFC 3339, UTC), `level`, `event`, then the fields in their order. */
export function formatJson(line: TimedLine): string {
  const object: Record<string, unknown> = {
    time: new Date(line.time).toISOString(),
    level: line.level,
    event: line.event,
  };
  for (const [key, value] of Object.entries(line.fields)) {
    if (value !== undefined) object[key] = plain(value);
  }
  return JSON.stringify(object).replace(UNSAFE, escapeUnit) + "\n";
}

/** `time LEVEL event=… key=value …`; values with anything but plain characters are quoted. */
export function formatText(line: TimedLine): string {
  const time = new Date(line.time).toISOString();
  let text = `${time} ${
    line.level.toUpperCase().padEnd(5)
  } event=${line.event}`;
  for (const [key, value] of Object.entries(line.fields)) {
    if (value !== undefined) text += ` ${key}=${textValue(plain(value))}`;
  }
  return text + "\n";
}

function textValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/^[^\s"'=\\]+$/.test(text) && text.search(UNSAFE) < 0) return text;
  return JSON.stringify(text).replace(UNSAFE, escapeUnit);
}

/** What a value is in JSON; errors are their message, never a stack. */
function plain(value: unknown): unknown {
  if (value instanceof Error) return cut(value.message);
  if (typeof value === "string") return cut(value);
  if (typeof value === "bigint") return value.toString();
  return value;
}

function cut(text: string): string {
  if (text.length <= LONGEST_VALUE) return text;
  return `${text.slice(0, LONGEST_VALUE).toWellFormed()}…`;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
