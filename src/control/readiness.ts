import type { Readiness } from "./api.ts";
import type { Parts } from "./parts.ts";

/** Whether the process is to get clients: never, while there is a reason against it. */
export function readinessOf(
  { store, cluster }: Pick<Parts, "store" | "cluster">,
  reasons: readonly string[],
): Readiness {
  // Another proxy would not do better: what it asks is the same.
  const { serving, problem } = store.health();
  const notes = problem === null ? [] : [
    serving
      ? `the mapping store: ${problem}`
      : `the mapping store cannot be asked: ${problem}`,
  ];
  const { problem: apart } = cluster;
  if (apart !== null) {
    notes.push(
      `the cluster bus does not work, this proxy is alone: ${apart}`,
    );
  }
  return { ready: reasons.length === 0, reasons, notes };
}
