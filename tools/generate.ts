/**
 * Writes the files that are made from the source:  deno task generate [--check]
 *
 * With --check nothing is written and a file that differs is an error: `make check` calls it so.
 * To add a page, import a function that gives its text and add a row to PAGES; the path is relative to
 * the project. The text must depend on the source alone (no dates, no machine).
 */
import { reference } from "../src/admin/reference.ts";
import { routes } from "../src/admin/routes.ts";
import { renderConfigReference } from "../src/config/reference.ts";
import { metricsReference } from "../src/observe/metrics_reference.ts";
import { runtimeCompletion } from "../src/runtime/completion.ts";
import { runtimeReference } from "../src/runtime/reference.ts";
import { COMMANDS } from "../src/runtime/table.ts";

interface Page {
  path: string;
  render(): string | Promise<string>;
}

const PAGES: Page[] = [
  { path: "docs/configuration.md", render: renderConfigReference },
  { path: "docs/management-api.md", render: () => reference(routes) },
  { path: "docs/metrics.md", render: metricsReference },
  { path: "docs/runtime-api.md", render: () => runtimeReference(COMMANDS) },
  {
    path: "packaging/mailferry-runtime.bash",
    render: () => runtimeCompletion(COMMANDS),
  },
];

const check = Deno.args.includes("--check");
const root = new URL("../", import.meta.url);
let stale = 0;
for (const page of PAGES) {
  const file = new URL(page.path, root);
  const text = await page.render();
  const present = await Deno.readTextFile(file).catch(() => undefined);
  if (present === text) continue;
  if (check) {
    console.error(
      `${page.path}: stale: run \`deno task generate\` and commit the result`,
    );
    stale += 1;
    continue;
  }
  await Deno.mkdir(new URL("./", file), { recursive: true });
  await Deno.writeTextFile(file, text);
  console.log(`${page.path}: written`);
}
Deno.exit(stale > 0 ? 1 : 0);
