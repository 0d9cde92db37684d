/** Acls in the form in which workers look addresses up. */
import type { ListenerConfig } from "../../config/schema.ts";
import { aclNameOf } from "../../config/tables.ts";
import { packRanges } from "../../net/cidr.ts";
import type { ListenerSnapshot, PackedRanges } from "../../port/snapshot.ts";

type Acls = ReadonlyMap<string, readonly string[]>;

/** A list of many ranges is packed once, however many listeners and changes of the configuration have it. */
const packed = new WeakMap<readonly string[], PackedRanges>();

/** Whom a listener takes, and whom it believes. */
export function accessOf(
  { allow, deny, proxy_trusted: trusted }: ListenerConfig,
  acls: Acls,
): Pick<ListenerSnapshot, "allow" | "deny" | "proxyTrusted"> {
  const own = trusted.filter((range) => aclNameOf(range) === null);
  const named = trusted.flatMap((range) => aclNameOf(range) ?? []);
  return {
    proxyTrusted: [
      ...own.length === 0 ? [] : [packRanges(own)],
      ...listsOf(named, acls),
    ],
    ...(allow && { allow: listsOf(allow, acls) }),
    ...(deny.length > 0 && { deny: listsOf(deny, acls) }),
  };
}

function listsOf(names: readonly string[], acls: Acls): PackedRanges[] {
  return names.map((name) => packedOf(acls.get(name) ?? []));
}

function packedOf(ranges: readonly string[]): PackedRanges {
  let found = packed.get(ranges);
  if (!found) {
    found = packRanges(ranges);
    packed.set(ranges, found);
  }
  return found;
}
