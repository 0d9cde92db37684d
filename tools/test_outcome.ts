/** What one run of `deno test` came to. */
export interface Outcome {
  passed: number;
  failed: number;
  /** Names of the skipped tests, in the order of the output. */
  skipped: string[];
  /** Why the run failed although no test is counted as failed. */
  problem?: string;
}

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/;
const SKIPPED = /^\s*(.+) \.\.\. ignored(?: \(|$)/;

/**
 * Reads the plain output of `deno test`.
 *
 * A run that ends badly without counting a failed test (no test found, a file that does not load, a crash)
 * counts as one failed test: a suite must never look green because it did not run.
 */
export function readOutcome(text: string, success: boolean): Outcome {
  const outcome: Outcome = { passed: 0, failed: 0, skipped: [] };
  let summarized = false;
  for (const line of text.split("\n")) {
    const skipped = SKIPPED.exec(line);
    if (skipped !== null) outcome.skipped.push(skipped[1]!);
    const summary = SUMMARY.exec(line);
    if (summary === null) continue;
    summarized = true;
    // What a test printed may look like a summary; the last one is Deno's.
    outcome.passed = Number(summary[1]);
    outcome.failed = Number(summary[2]);
  }
  if (!summarized) outcome.problem = "the run gave no summary";
  else if (!success && outcome.failed === 0) {
    outcome.problem = "the run ended with an error";
  } else if (
    success && outcome.passed + outcome.failed + outcome.skipped.length === 0
  ) {
    outcome.problem = "no test was run";
  }
  if (outcome.problem !== undefined) outcome.failed += 1;
  return outcome;
}
