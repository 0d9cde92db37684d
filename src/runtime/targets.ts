/** Names of destinations and legs in commands. */
import type { ControlPlane } from "../control/api.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import { CommandError } from "./command.ts";

/** A destination, or one leg of it. */
export interface Target {
  readonly destination: string;
  readonly protocol: ProtocolName | null;
}

/** `<dest>` or `<dest>/<leg>`. Throws CommandError, in HAProxy's words. */
export function parseTarget(text: string, plane: ControlPlane): Target {
  const destinations = plane.destinations();
  const find = (name: string) =>
    destinations.find(({ destination }) => destination === name);
  if (find(text)) return { destination: text, protocol: null };
  const slash = text.lastIndexOf("/");
  const found = slash < 0 ? undefined : find(text.slice(0, slash));
  if (!found) throw new CommandError("No such backend.");
  const name = text.slice(slash + 1);
  const leg = found.legs.find(({ protocol }) => protocol === name);
  if (!leg) throw new CommandError("No such server.");
  return { destination: found.destination, protocol: leg.protocol };
}
