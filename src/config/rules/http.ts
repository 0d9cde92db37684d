/** Rules about `[[http.route]]`. */
import { compileGlob } from "../glob.ts";
import type { Issues, Path } from "../issues.ts";
import { PatternFault } from "../pattern_fault.ts";
import { compileRegex, loadRegexEngine } from "../regex.ts";
import { DEFAULT_NAME } from "../schema_http.ts";
import type { ConfigDraft } from "../walk.ts";
import {
  declaredDestinations,
  eachListener,
  findDestination,
  type Rule,
} from "./rule.ts";

export const httpRoutes: Rule = (draft, issues) => {
  if (draft.http?.route?.length !== 0) return;
  for (const [name, listener] of eachListener(draft)) {
    if (listener.protocol === "http") {
      issues.problem(
        ["listener", name, "protocol"],
        "an http listener needs at least one [[http.route]]",
      );
    }
  }
};

/** Whether nothing but what is wrong with a pattern speaks against it; that is put down. */
function patternHolds(
  issues: Issues,
  path: Path,
  compile: () => void,
): boolean {
  try {
    compile();
    return true;
  } catch (error) {
    if (!(error instanceof PatternFault)) throw error;
    issues.problem(path, error.message);
    return false;
  }
}

/** What a path begins with: a slash, or a pattern that may stand for one. */
const BEGINS = /^[/*?{]/;

export const routePatterns: Rule = (draft, issues) => {
  for (const [i, { match }] of (draft.http?.route ?? []).entries()) {
    if (match === undefined) continue;
    const path = ["http", "route", i, "match"];
    const holds = patternHolds(issues, path, () => compileGlob(match));
    if (holds && !BEGINS.test(match)) {
      issues.warn(path, "matches nothing: every path begins with a slash");
    }
  }
};

export const routeTargets: Rule = (draft, issues) => {
  const isServed = eachListener(draft)
    .some(([, { protocol }]) => protocol === "http");
  for (const [i, route] of (draft.http?.route ?? []).entries()) {
    const path = ["http", "route", i];
    const { destination, extract, fallback } = route;
    for (const [key, name] of Object.entries({ destination, fallback })) {
      // Whether the default destination has a leg, its own rule asks.
      if (
        name === undefined || name === DEFAULT_NAME ||
        name === draft.routing?.default_destination
      ) continue;
      const target = findDestination(draft, name);
      if (target === undefined) {
        issues.problem(
          [...path, key],
          `destination ${JSON.stringify(name)} is not declared; ${
            declaredDestinations(draft)
          }`,
        );
      } else if (
        isServed && target.protocol !== undefined &&
        target.protocol.http === undefined
      ) {
        issues.problem(
          [...path, key],
          `destination ${name} has no leg for http: add [destination.${name}.protocol.http]`,
        );
      }
    }
    if ((destination === undefined) === (extract === undefined)) {
      issues.problem(path, "must have either destination or extract");
    } else if (destination !== undefined && fallback !== undefined) {
      issues.problem(
        [...path, "fallback"],
        "has no meaning beside destination, where all requests go: remove it",
      );
    }
  }
};

/** The key that says where, for each kind of extraction that needs one. */
const EXTRACT_KEYS = {
  query: "param",
  header: "header",
  body: "regex",
} as const;

export const extractKeys: Rule = (draft, issues) => {
  for (const [i, { extract }] of (draft.http?.route ?? []).entries()) {
    if (extract?.from === undefined) continue;
    for (const [from, key] of Object.entries(EXTRACT_KEYS)) {
      const path = ["http", "route", i, "extract", key];
      const isNeeded = from === extract.from;
      const isThere = extract[key as keyof typeof extract] !== undefined;
      if (isNeeded && !isThere) {
        issues.problem(path, `required because from is "${from}"`);
      } else if (isThere && !isNeeded) {
        issues.problem(
          path,
          `has no meaning where from is "${extract.from}": remove it`,
        );
      }
    }
  }
};

/** No rule like the others, since the engine of the expressions is loaded only for those who have one. */
export async function checkRouteRegexes(
  draft: ConfigDraft,
  issues: Issues,
): Promise<void> {
  for (const [i, { extract }] of (draft.http?.route ?? []).entries()) {
    const regex = extract?.regex;
    if (regex === undefined) continue;
    await loadRegexEngine();
    const path = ["http", "route", i, "extract", "regex"];
    patternHolds(issues, path, () => compileRegex(regex));
  }
}
