/**
 * Runs a suite with `deno test` and adds up what it says:  tools/run_tests.ts unit|scenarios [options of deno test]
 *
 * The Deno that runs this file runs the tests too, so the same suite serves the pinned and the current one.
 * The last line is `N passed, N failed, N skipped`; where TEST_TOTALS names a file, the three numbers are
 * appended to it, for a caller that runs several suites.
 */
import { type Outcome, readOutcome } from "./test_outcome.ts";

const SUITES: Record<string, { paths: string[]; ignore: string[] }> = {
  unit: {
    paths: ["src", "tests", "tools", "bench"],
    ignore: ["tests/scenarios"],
  },
  scenarios: { paths: ["tests/scenarios"], ignore: [] },
};

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Runs the suite, passing its output on as it comes; answers with what it counted. */
async function run(suite: string, options: string[]): Promise<Outcome> {
  const { paths, ignore } = SUITES[suite]!;
  const present: string[] = [];
  for (const path of paths) if (await exists(path)) present.push(path);
  if (present.length === 0) {
    return {
      passed: 0,
      failed: 1,
      skipped: [],
      problem: `no tests: looked in ${paths.join(", ")}`,
    };
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--parallel",
      "--no-check",
      ...(ignore.length > 0 ? [`--ignore=${ignore.join(",")}`] : []),
      ...options,
      ...present,
    ],
    env: { NO_COLOR: "1" },
    stdout: "piped",
  }).spawn();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    await Deno.stdout.write(new TextEncoder().encode(chunk));
  }
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
