/** The ranges of an acl as keys of a table: those that mean the same are one. */
import { isCidr } from "../../config/scalars.ts";
import { canonicalRange, rangesAround } from "../../net/cidr.ts";
import type { Content } from "./versions.ts";

const made = new WeakMap<readonly string[], Content>();

/** Made once for each list. */
export function aclContent(ranges: readonly string[]): Content {
  let content = made.get(ranges);
  if (!content) {
    content = new Map(ranges.map((range) => [canonicalRange(range), ""]));
    made.set(ranges, content);
  }
  return content;
}

/** The ranges of a content whose keys are what `aclContent` makes. */
export function aclRanges(content: Content): readonly string[] {
  const ranges = [...content.keys()];
  made.set(ranges, content);
  return ranges;
}

/** The range as a key; null for what is none. */
export function aclKey(text: string): string | null {
  return isCidr(text) ? canonicalRange(text) : null;
}

/** The smallest range of an acl that an address is in; null for none, and for what is no address. */
export function rangeOf(content: Content, address: string): string | null {
  try {
    for (const range of rangesAround(address)) {
      if (content.has(range)) return range;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}
