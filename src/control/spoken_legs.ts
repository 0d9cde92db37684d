import { legForwarding, legOf } from "../config/effective.ts";
import { asksMapping } from "../config/protocols.ts";
import type { Config, LegConfig } from "../config/schema.ts";
import type { Forwarding, ProtocolName } from "../port/snapshot.ts";

/**
 * A destination's leg for each protocol that some listener speaks and routes by mapping; undefined where
 * it has none.
 */
export function eachSpokenLeg(config: Config, destination: string): {
  readonly protocol: ProtocolName;
  readonly leg: LegConfig | undefined;
  readonly forwarding: Forwarding;
}[] {
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
