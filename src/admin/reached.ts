/** Answers of what is done in every proxy of a cluster. */
import { z } from "zod";
import type { ControlPlane } from "../control/api.ts";

/** Sentences for the reference page. */
export const REACHED =
  "In a cluster every proxy does it, and a line `not reached: ` follows for each that has not answered within a second.";

/** One of these lines, in which N stands for a number; then who was not reached. */
export function reached(...lines: readonly string[]) {
  const first = lines.map((line) => line.replace("N", "\\d+")).join("|");
  return z.string()
    .regex(new RegExp(`^(?:${first})(\\nnot reached: .+)*$`))
    .describe(lines.map((line) => `\`${line}\``).join(" or "));
}

/** Do it, and add who was not reached. */
export async function reachAll(
  control: Pick<ControlPlane, "cluster">,
  job: () => Promise<string>,
): Promise<string> {
  const { answer, unreached } = await control.cluster.reaching(job);
  return [answer, ...unreached.map((who) => `not reached: ${who}`)].join("\n");
}
