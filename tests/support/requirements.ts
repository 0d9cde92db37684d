/** Tests that need a program of the host: skipped by name where it is absent, a failure in CI. */

import { cyrusPrograms } from "./cyrus.ts";
import { postgresPrograms } from "./postgres.ts";

function installed(program: string): boolean {
  const places = [
    ...(Deno.env.get("PATH") ?? "").split(":"),
    "/usr/sbin",
    "/usr/local/sbin",
  ];
  return places.some((place) => isFile(`${place}/${program}`));
}

/** Root in a container has not always the right to mount. */
function mayMount(): boolean {
  if (Deno.uid() !== 0) return false;
  const folder = Deno.makeTempDirSync();
  const sh = (program: string, ...args: string[]) =>
    new Deno.Command(program, { args, stderr: "null" }).outputSync().success;
  const mounted = sh("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder);
  if (mounted) sh("umount", folder);
  Deno.removeSync(folder);
  return mounted;
}

/** Where tools/install_schemathesis.sh puts the program. */
export function schemathesis(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ||
    `${Deno.env.get("HOME")}/.cache`;
  return `${cache}/mailferry/schemathesis/venv/bin/schemathesis`;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** What `needs` knows beyond programs: a right that the test wants. */
const SPECIAL: Record<string, () => boolean> = {
  mount: mayMount,
  schemathesis: () => isFile(schemathesis()),
  root: () => Deno.uid() === 0,
  cyrus: () => cyrusPrograms.every(isFile),
  postgres: () => postgresPrograms() !== null && installed("psql"),
};

/** Those of `programs` that are not there. */
export function absent(programs: readonly string[]): string[] {
  return programs.filter((program) =>
    !(SPECIAL[program] ?? (() => installed(program)))()
  );
}

/**
 * Declare a test that needs `programs` (or the right to "mount", or to be "root"). Where one is missing it is skipped under a name
 * that says so; with CI=true it fails instead, so that nothing is left out there by accident.
 */
export function needs(
  programs: readonly string[],
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const missing = absent(programs);
  if (missing.length === 0) return Deno.test(name, fn);
  const why = `needs ${missing.join(", ")}`;
  if (Deno.env.get("CI") === "true") {
    Deno.test(name, () => {
      throw new Error(why);
    });
  } else {
    Deno.test({ name: `${name} (skipped: ${why})`, ignore: true, fn });
  }
}
