import type { LogLine } from "../port/messages.ts";

/** A worker's line as it is written: workers do not know the key by which accounts are shortened. */
export function workerLine(
  line: LogLine,
  shorten: (identifier: string) => string,
): LogLine {
  const { account } = line.fields;
  if (typeof account !== "string") return line;
  return { ...line, fields: { ...line.fields, account: shorten(account) } };
}
