/** Which destinations a mapping may name. */
import { asksMapping } from "./protocols.ts";
import { eachListener, findDestination } from "./rules/rule.ts";
import type { ConfigDraft } from "./walk.ts";

/**
 * A check for destinations that a store names: it answers what is wrong, or null. A destination must
 * be declared and have a leg for each protocol that a listener speaks and routes by mapping.
 */
export function mappingTargetFault(
  draft: ConfigDraft,
): (destination: string) => string | null {
  const spoken = [
    ...new Set(
      eachListener(draft).flatMap(([, { protocol, route }]) =>
        protocol !== undefined && asksMapping({ protocol, route })
          ? [protocol]
          : []
      ),
    ),
  ];
  return (name) => {
    const target = findDestination(draft, name);
    if (target === undefined) {
      return `destination ${JSON.stringify(name)} is not declared`;
    }
    const missing = spoken.filter((protocol) =>
      target.protocol !== undefined && target.protocol[protocol] === undefined
    );
    return missing.length === 0
      ? null
      : `destination ${name} has no leg for ${
        missing.join(", ")
      }, which a listener speaks`;
  };
}
