/** What a rule is: it sees a draft in which wrong values are absent, so it is silent about those. */
import type { Env } from "../environment.ts";
import type { Issues } from "../issues.ts";
import type { ConfigDraft } from "../walk.ts";

export type Rule = (draft: ConfigDraft, issues: Issues, env: Env) => void;

type Listeners = NonNullable<ConfigDraft["listener"]>;
type Destinations = NonNullable<ConfigDraft["destination"]>;

export type ListenerDraft = NonNullable<Listeners[string]>;
export type DestinationDraft = NonNullable<Destinations[string]>;

export function eachListener(draft: ConfigDraft): [string, ListenerDraft][] {
  return Object.entries(draft.listener ?? {})
    .map(([name, value]) => [name, value ?? {}]);
}

export function eachDestination(
  draft: ConfigDraft,
): [string, DestinationDraft][] {
  return Object.entries(draft.destination ?? {})
    .map(([name, value]) => [name, value ?? {}]);
}

/** The destination of that name, if declared. */
export function findDestination(
  draft: ConfigDraft,
  name: string,
): DestinationDraft | undefined {
  return eachDestination(draft).find(([declared]) => declared === name)?.[1];
}

/** "declared are a, b" for messages about names. */
export function declaredDestinations(draft: ConfigDraft): string {
  const names = Object.keys(draft.destination ?? {});
  if (names.length === 0) return "no destination is declared";
  const shown = names.slice(0, 10).join(", ");
  return `declared ${names.length === 1 ? "is" : "are"} ${shown}${
    names.length > 10 ? ", …" : ""
  }`;
}
