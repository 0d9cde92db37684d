import { isTable } from "../inspect.ts";
import { fingerprint } from "./fingerprint.ts";
import { type Json, own } from "./json.ts";

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
  return fingerprint(before) === fingerprint(after)
    ? []
    : [{ path: path === "" ? "/" : path, before, after }];
}
