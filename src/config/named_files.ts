/** Files that a configuration names: what is wrong with them is a problem of the key that does. */
import type { Issues, Path } from "./issues.ts";
import type { ResourceHost } from "./resources.ts";

/** The text of a file; undefined where it cannot be read, which is a problem of `path` then. */
export async function readNamed(
  issues: Issues,
  host: ResourceHost,
  path: Path,
  file: string,
): Promise<string | undefined> {
  try {
    return await host.readFile(file);
  } catch (error) {
    issues.problem(path, `cannot read ${file}: ${whyUnreadable(error)}`);
    return undefined;
  }
}

interface Dates {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Warn of what is not valid now. */
export function warnOfDates(
  issues: Issues,
  path: Path,
  what: string,
  dates: Dates,
): void {
  const fault = datesFault(dates);
  if (fault !== null) issues.warn(path, `${what} ${fault}`);
}

/** What is to be said of something that is not valid now, behind its name; null where it is. */
export function datesFault({ notBefore, notAfter }: Dates): string | null {
  const now = Date.now();
  const day = (date: Date) => date.toISOString().slice(0, 10);
  if (notAfter.getTime() < now) return `expired on ${day(notAfter)}`;
  if (notBefore.getTime() > now) return `is valid from ${day(notBefore)} on`;
  return null;
}

/** The reason in a few words. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
