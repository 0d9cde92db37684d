/** Finds destinations that are the proxy's own listeners: each session would come back for ever. */
import { BlockList, isIP } from "node:net";
import type { Path } from "./issues.ts";
import { PROTOCOLS } from "./protocols.ts";
import { type Endpoint, parseEndpoint } from "./scalars.ts";
import { eachDestination, eachListener } from "./rules/rule.ts";
import type { ConfigDraft } from "./walk.ts";

export interface Loop {
  readonly path: Path;
  readonly listener: string;
  /** `address:port` that both share. */
  readonly bind: string;
}

/**
 * `resolve` gives the addresses of a host name (none when it cannot be resolved now: then nothing is
 * known of it), `local` the addresses of this machine.
 */
export async function findLoops(
  draft: ConfigDraft,
  resolve: (host: string) => Promise<readonly string[]>,
  local: readonly string[],
): Promise<Loop[]> {
  const own = addressSet(local);
  own.addSubnet("127.0.0.0", 8, "ipv4");
  own.addAddress("::1", "ipv6");
  // A connection to the unspecified address reaches this machine itself.
  own.addAddress("0.0.0.0", "ipv4");
  own.addAddress("::", "ipv6");
  const binds = eachListener(draft).flatMap(([listener, { bind }]) =>
    (bind ?? []).flatMap((text) => {
      const at = parseEndpoint(text);
      return at === null || at.port === 0 ? [] : [{ listener, text, at }];
    })
  );
  const loops: Loop[] = [];
  for (const [name, { host, protocol }] of eachDestination(draft)) {
    if (host === undefined) continue;
    let addresses: readonly string[] | undefined;
    for (const leg of PROTOCOLS) {
      const port = protocol?.[leg]?.port;
      const near = binds.filter(({ at }) => at.port === port);
      if (near.length === 0) continue;
      addresses ??= isIP(host) === 0 ? await resolve(host) : [host];
      const hit = near.find(({ at }) =>
        addresses!.some((address) => reaches(address, at, own))
      );
      if (hit !== undefined) {
        loops.push({
          path: ["destination", name, "protocol", leg, "port"],
          listener: hit.listener,
          bind: hit.text,
        });
      }
    }
  }
  return loops;
}

/** Whether a connection to `address` arrives at a socket bound to `at` on this machine. */
function reaches(address: string, at: Endpoint, own: BlockList): boolean {
  const any = at.hostname === "0.0.0.0"
    ? isIP(address) === 4
    : isUnspecified(at);
  return any
    ? contains(own, address)
    : contains(addressSet([at.hostname]), address);
}

function isUnspecified(at: Endpoint): boolean {
  return contains(addressSet(["::"]), at.hostname);
}

function addressSet(addresses: readonly string[]): BlockList {
  const set = new BlockList();
  for (const address of addresses) {
    const family = isIP(address);
    if (family !== 0) set.addAddress(address, family === 4 ? "ipv4" : "ipv6");
  }
  return set;
}

function contains(set: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && set.check(address, family === 4 ? "ipv4" : "ipv6");
}
