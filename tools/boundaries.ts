/**
 * The boundary lint:  deno run -A tools/boundaries.ts
 *
 * Checks which folder of src imports which, and that sockets and the console are used only where they
 * belong. The rules are in boundary_rules.ts.
 */
import { findViolations } from "./boundary_rules.ts";

async function* sourceFiles(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (entry.name.endsWith(".ts") && !entry.name.endsWith("_test.ts")) {
      yield path;
    }
  }
}

Deno.chdir(new URL("../", import.meta.url));
let found = 0;
for await (const path of sourceFiles("src")) {
  for (const violation of findViolations(path, await Deno.readTextFile(path))) {
    console.error(`${path}:${violation.line}: ${violation.message}`);
    found += 1;
  }
}
Deno.exit(found > 0 ? 1 : 0);
