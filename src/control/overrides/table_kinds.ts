/** Acls and maps that were changed at run time. */
import { createHash } from "node:crypto";
import type { Json } from "../../config/document/json.ts";
import { mapEntryFault } from "../../config/tables.ts";
import { aclContent, aclKey, aclRanges } from "../tables/acl_content.ts";
import {
  laid,
  pairForm,
  rangeForm,
  shownOverride,
  tableOverrideSchema,
} from "../tables/table_override.ts";
import type { Content } from "../tables/versions.ts";
import { overrideKind } from "./kind.ts";

const VALUE =
  "`{add, remove}` against what is configured, or after it was cleared or replaced `{entries}`";

export const aclOverride = overrideKind({
  name: "acl",
  summary: `\`NAME\` of an \`[acl.NAME]\`: ${VALUE}.`,
  value: tableOverrideSchema(rangeForm, (range) => aclKey(range) === range),
  base: (_, key, { acls }) => {
    const ranges = acls.get(key);
    return ranges && summary(aclContent(ranges));
  },
  lay(overlay, key, override) {
    const configured = overlay.resources.acls.get(key)!;
    const ranges = once(
      override,
      configured,
      () => aclRanges(laid(aclContent(configured), override, rangeForm)),
    );
    const acls = new Map(overlay.resources.acls).set(key, ranges);
    overlay.resources = { ...overlay.resources, acls };
  },
  shown: (override) => shownOverride(override) as Json,
});

export const mapOverride = overrideKind({
  name: "map",
  summary:
    `\`NAME\` of a \`[map.NAME]\`: ${VALUE}; an entry is a list of key and value.`,
  value: tableOverrideSchema(
    pairForm,
    (key, value) => mapEntryFault(key, value) === null,
  ),
  base: (_, key, { maps }) => {
    const content = maps.get(key);
    return content && summary(content);
  },
  lay(overlay, key, override) {
    const configured = overlay.resources.maps.get(key)!;
    const content = once(
      override,
      configured,
      () => laid(configured, override, pairForm),
    );
    const maps = new Map(overlay.resources.maps).set(key, content);
    overlay.resources = { ...overlay.resources, maps };
  },
  shown: (override) => shownOverride(override) as Json,
});

const summaries = new WeakMap<Content, Json>();

/** What tells one content from another, in whatever order: tables are too long to be kept as what was configured. */
function summary(content: Content): Json {
  let found = summaries.get(content);
  if (found === undefined) {
    const hash = createHash("sha256");
    const keys = [...content.keys()].sort();
    for (const key of keys) {
      hash.update(JSON.stringify([key, content.get(key)]));
    }
    const fingerprint = hash.digest("hex").slice(0, 16);
    found = { entries: content.size, fingerprint };
    summaries.set(content, found);
  }
  return found;
}

const results = new WeakMap<
  object,
  { readonly configured: unknown; readonly result: unknown }
>();

/** What an override makes of what is configured: the same object until one of them is another. */
function once<T>(override: object, configured: unknown, make: () => T): T {
  const known = results.get(override);
  if (known && known.configured === configured) return known.result as T;
  const result = make();
  results.set(override, { configured, result });
  return result;
}
