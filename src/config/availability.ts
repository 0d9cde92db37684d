/**
 * What the schema accepts and this version does not do yet. It is refused at start by name, never
 * ignored. Whoever delivers a feature strikes its entry.
 */
import type { Issues, Path } from "./issues.ts";
import type { ConfigDraft } from "./walk.ts";

interface Missing {
  /** What the operator asked for, in words. */
  readonly feature: (draft: ConfigDraft) => Iterable<[Path, string]>;
}

const listeners = (draft: ConfigDraft) => Object.entries(draft.listener ?? {});

const SPOKEN: ReadonlySet<string> = new Set([
  "imap",
  "managesieve",
  "pop3",
  "submission",
  "smtp",
  "lmtp",
]);

const MISSING: readonly Missing[] = [
  {
    *feature(draft) {
      for (const [name, listener] of listeners(draft)) {
        const protocol = listener?.protocol;
        if (protocol !== undefined && !SPOKEN.has(protocol)) {
          yield [
            ["listener", name, "protocol"],
            `listeners for ${protocol} are`,
          ];
        }
      }
    },
  },
  {
    *feature(draft) {
      if ((draft.http?.route ?? []).length > 0) {
        yield [["http", "route"], "HTTP routes are"];
      }
    },
  },
];

export function refuseMissingFeatures(
  draft: ConfigDraft,
  issues: Issues,
): void {
  for (const { feature } of MISSING) {
    for (const [path, what] of feature(draft)) {
      issues.problem(path, `${what} not available in this version`);
    }
  }
}
