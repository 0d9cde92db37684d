/** `probe`: a destination's legs tried without a login. */
import type { Command } from "../command.ts";
import { parseTarget } from "../targets.ts";

export const probeCommands: readonly Command[] = [{
  words: ["probe"],
  args: [{ text: "<dest>[/<leg>]" }, { text: "<protocol>", optional: true }],
  level: "operator",
  help: "dial legs and report what they offer, or why they fail",
  description:
    "Greeting, TLS, forwarding and capabilities, as `check --probe` shows them, with the likely cause of a failure.",
  async run({ control, args: [target, protocol] }) {
    const text = protocol === undefined ? target! : `${target}/${protocol}`;
    const leg = parseTarget(text, control.plane);
    const found = await control.probes.probe(leg.destination, leg.protocol);
    return found.map(({ text }) => `${text}\n`).join("");
  },
}];
