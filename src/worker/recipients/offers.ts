import { legName } from "../../port/leg_name.ts";
import type { ProtocolName, RecipientRouting } from "../../port/snapshot.ts";
import type { WorkerCore } from "../core.ts";

/** It is the proxy that a client pipelines to. */
const OWN = "PIPELINING";

/** The keywords, without those that some destination was seen without. */
export function mayShorten(
  core: WorkerCore,
  protocol: ProtocolName,
  keywords: readonly string[],
): readonly string[] {
  const seen = Object.values(core.generation.snapshot.destinations).flatMap(
    ({ name, legs }) => {
      const offer = core.smtpOffers.get(legName(name, protocol));
      return legs[protocol] && offer ? [offer] : [];
    },
  );
  return keywords.filter((word) =>
    word === OWN || seen.every((offer) => offer.has(word.split(" ")[0]!))
  );
}

/** The largest message that these rules take, in octets (RFC 1870 3). */
export function sizeLimit({ ehlo }: Pick<RecipientRouting, "ehlo">): number {
  const size = ehlo.find((word) => word.startsWith("SIZE "));
  // No limit, as SIZE without a number.
  return Number(size?.slice(5) ?? 0) || Infinity;
}
