/** Where a listing goes on: in the walk of one node, and behind one key of what the walk found there. */
export interface Place {
  /** `host:port` of a node of a cluster, else "". */
  readonly node: string;
  readonly cursor: string;
  /** Keys of this step of the walk up to this one were listed; null: none. */
  readonly behind: string | null;
}

/** A pattern for SCAN that matches all keys with this prefix, which is taken literally. */
export function patternOf(prefix: string): string {
  return `${prefix.replaceAll(/[\\*?[\]^]/g, "\\$&")}*`;
}

export function writePlace({ node, cursor, behind }: Place): string {
  return `${node}|${cursor}${behind === null ? "" : `|${behind}`}`;
}

/** Null for what `writePlace` has not written. */
export function readPlace(text: string): Place | null {
  const [, node, cursor, behind] =
    /^([^|]*)\|(\d{1,20})(?:\|([^]*))?$/.exec(text) ?? [];
  if (node === undefined || cursor === undefined) return null;
  return { node, cursor, behind: behind ?? null };
}
