/**
 * What `make build` leaves out of the program:  deno run -A tools/left_out.ts
 *
 * Prints an option of `deno compile` for everything in the packages that is never run: types, sources and
 * manuals, half of them by size. The program reads all that is in it whenever it starts. Licenses stay, and
 * source maps, which the runtime would look for outside, in a folder where everybody may write.
 */
const NEVER_RUN = /\.(?:[cm]?ts|md|flow)$/i;
const LICENSE = /^licen[cs]e\b/i;

interface Info {
  readonly npmPackages: Readonly<
    Record<string, { name: string; version: string; registryUrl: string }>
  >;
}

async function infoOf<T>(...what: string[]): Promise<T> {
  const deno = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...what],
    stderr: "inherit",
  });
  const { success, stdout } = await deno.output();
  if (!success) Deno.exit(1);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Whole folders where nothing in them is needed. */
async function leftOut(folder: string): Promise<string[] | "all"> {
  const found: string[] = [];
  let isNeeded = false;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    const inside = isDirectory
      ? await leftOut(path)
      : NEVER_RUN.test(name) && !LICENSE.test(name)
      ? "all"
      : [];
    if (inside === "all") found.push(path);
    else {
      found.push(...inside);
      isNeeded = true;
    }
  }
  return isNeeded ? found : "all";
}

Deno.chdir(new URL("../", import.meta.url));
const { npmCache } = await infoOf<{ npmCache: string }>();
const { npmPackages } = await infoOf<Info>("main.ts");
for (const { name, version, registryUrl } of Object.values(npmPackages)) {
  const { hostname, pathname } = new URL(registryUrl);
  const folder = `${npmCache}/${hostname}${pathname}${name}/${version}`;
  const paths = await leftOut(folder);
  for (const path of paths === "all" ? [folder] : paths) {
    console.log(`--exclude=${path}`);
  }
}
