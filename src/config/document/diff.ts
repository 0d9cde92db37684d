import { isDeepStrictEqual } from "node:util";
import { isTable } from "../inspect.ts";
import type { Json } from "./json.ts";

/** One place in which two documents differ. */
export interface Difference {
  /** As in the configuration API: `/listener/imaps/max_connections`. */
  readonly path: string;
  /** Undefined where it is absent. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Where two documents differ, as deep as both have a table there. Lists differ as a whole. */
export function differences(
  before: Json | undefined,
  after: Json | undefined,
  path = "",
): Difference[] {
  if (isTable(before) && isTable(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) =>
      differences(
        own(before, name),
        own(after, name),
        `${path}/${encodeURIComponent(name)}`,
      )
    );
  }
  return isDeepStrictEqual(before, after)
    ? []
    : [{ path: path === "" ? "/" : path, before, after }];
}

function own(table: { [key: string]: Json }, name: string): Json | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
