/**
 * Runs a suite with `deno test` and adds up what it says:  tools/run_tests.ts unit|scenarios [options of deno test]
 *
 * The Deno that runs this file runs the tests too, so the same suite serves the pinned and the current one.
 * The last line is `N passed, N failed, N skipped`; where TEST_TOTALS names a file, the three numbers are
 * appended to it, for a caller that runs several suites.
 */
import { type Outcome, readOutcome } from "./test_outcome.ts";

/**
 * Each suite: the folders it lies in, those below them that are not part of it, and how many files run at once
 * where the number of cores is too few.
 */
const SUITES: Record<
  string,
  { folders: string[]; without: string[]; atOnce?: number }
> = {
  unit: {
    folders: ["src", "tests", "tools", "bench"],
    without: ["tests/scenarios"],
  },
  // They wait for servers, time-outs and each other's ends more than they compute.
  scenarios: { folders: ["tests/scenarios"], without: [], atOnce: 3 },
};

/** The test files below a folder; none when it does not exist. */
async function testFiles(folder: string, without: string[]): Promise<string[]> {
  if (without.includes(folder)) return [];
  const files: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) files.push(...await testFiles(path, without));
      else if (name.endsWith("_test.ts")) files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort();
}

/** Runs the suite, passing its output on as it comes; answers with what it counted. */
async function run(suite: string, options: string[]): Promise<Outcome> {
  const { folders, without, atOnce = 1 } = SUITES[suite]!;
  const found = folders.map((folder) => testFiles(folder, without));
  const files = (await Promise.all(found)).flat();
  if (files.length === 0) {
    const problem = `no tests: looked in ${folders.join(", ")}`;
    return { passed: 0, failed: 1, skipped: [], problem };
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--parallel",
      "--no-check",
      ...options,
      ...files,
    ],
    env: {
      NO_COLOR: "1",
      DENO_JOBS: String(Math.max(atOnce, navigator.hardwareConcurrency)),
    },
    stdout: "piped",
  }).spawn();
  const [seen, counted] = child.stdout.tee();
  const [text] = await Promise.all([
    new Response(counted).text(),
    seen.pipeTo(Deno.stdout.writable, { preventClose: true }),
  ]);
  return readOutcome(text, (await child.status).success);
}

const [suite = "", ...options] = Deno.args;
if (!(suite in SUITES)) {
  console.error(
    `usage: tools/run_tests.ts ${
      Object.keys(SUITES).join("|")
    } [options of deno test]`,
  );
  Deno.exit(2);
}
const { passed, failed, skipped, problem } = await run(suite, options);

if (problem !== undefined) console.log(`${suite}: ${problem}`);
for (const name of skipped) console.log(`skipped: ${name}`);
const skipIsFailure = skipped.length > 0 && Deno.env.get("CI") === "true";
if (skipIsFailure) console.log(`${suite}: with CI=true no test may be skipped`);
const totals = Deno.env.get("TEST_TOTALS");
if (totals !== undefined) {
  await Deno.writeTextFile(totals, `${passed} ${failed} ${skipped.length}\n`, {
    append: true,
  });
}
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
Deno.exit(failed > 0 || skipIsFailure ? 1 : 0);
