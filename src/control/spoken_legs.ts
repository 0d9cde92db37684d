import { legForwarding, legOf } from "../config/effective.ts";
import { asksMapping } from "../config/protocols.ts";
import type { Config, LegConfig } from "../config/schema.ts";
import type { Forwarding, ProtocolName } from "../port/snapshot.ts";

export interface SpokenLeg {
  readonly protocol: ProtocolName;
  /** Undefined where the destination has none. */
  readonly leg: LegConfig | undefined;
  readonly forwarding: Forwarding;
}

/** A destination's leg for each protocol that some listener speaks and routes by mapping. */
export function eachSpokenLeg(
  config: Config,
  destination: string,
): SpokenLeg[] {
  const spoken = new Set(
    Object.values(config.listener).filter(asksMapping)
      .map(({ protocol }) => protocol),
  );
  return [...spoken].map((protocol) => ({
    protocol,
    leg: legOf(config, destination, protocol),
    forwarding: legForwarding(config, destination, protocol),
  }));
}
