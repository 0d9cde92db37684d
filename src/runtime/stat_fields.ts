/**
 * The fields of `show info` and `show stat` in HAProxy's typed form: scrapers know them by their names,
 * positions and tags (management guide, section 9.2 and 9.3).
 */

/** Origin, nature and scope, a letter each, and the type of the value. */
export interface FieldKind {
  readonly tags: string;
  readonly type: "str" | "u32" | "u64" | "s32";
}

/** What there is in either. */
export const COUNTER: FieldKind = { tags: "MCP", type: "u64" };
export const GAUGE: FieldKind = { tags: "MGP", type: "u32" };
export const RATE: FieldKind = { tags: "MRP", type: "u32" };
export const MOST: FieldKind = { tags: "MMP", type: "u32" };
export const LIMIT: FieldKind = { tags: "CLP", type: "u32" };

const WORDS: readonly Readonly<Record<string, string>>[] = [
  {
    M: "Metric",
    S: "Status",
    K: "Key",
    C: "Config",
    P: "Product",
  },
  {
    A: "Age",
    a: "Avg",
    C: "Counter",
    D: "Duration",
    G: "Gauge",
    L: "Limit",
    M: "Max",
    N: "Name",
    O: "Output",
    P: "Pct",
    R: "Rate",
    T: "Time",
  },
  { C: "Cluster", P: "Process", S: "Service", s: "System" },
];

/** One field with its value, ready to be shown. */
export interface Field extends FieldKind {
  readonly position: number;
  readonly name: string;
  readonly value: string | number;
}

/** `:tags:type:value`, as the typed form ends. */
export function typedEnd({ tags, type, value }: Field): string {
  return `:${tags}:${type}:${value}`;
}

/** A field as the JSON form has it. `more` comes first. */
export function jsonField(
  field: Field,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const [origin, nature, scope] = [...field.tags].map((letter, i) =>
    WORDS[i]![letter]
  );
  return {
    ...more,
    field: { pos: field.position, name: field.name },
    processNum: 1,
    tags: { origin, nature, scope },
    value: { type: field.type, value: field.value },
  };
}
