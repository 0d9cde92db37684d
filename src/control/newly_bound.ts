import { formatEndpoint } from "../net/address.ts";
import type { ListenerSnapshot, ProtocolName } from "../port/snapshot.ts";

/** One address of a listener. */
export interface BoundAddress {
  readonly listener: string;
  readonly protocol: ProtocolName;
  readonly address: string;
}

/** What `now` binds and `before` did not. */
export function newlyBound(
  before: readonly ListenerSnapshot[],
  now: readonly ListenerSnapshot[],
): BoundAddress[] {
  const known = new Set(
    before.flatMap(addressesOf).map((b) => `${b.listener} ${b.address}`),
  );
  return now.flatMap(addressesOf)
    .filter((b) => !known.has(`${b.listener} ${b.address}`));
}

function addressesOf(
  { name, protocol, bind }: ListenerSnapshot,
): BoundAddress[] {
  return bind.map(({ hostname, port }) => ({
    listener: name,
    protocol,
    address: formatEndpoint(hostname, port),
  }));
}
