/**
 * Paths of routes: segments that stand for themselves, `{name}` for a parameter of one segment, and at the
 * end `{name...}` for all that follows, which may be nothing.
 */
import { decode } from "./target.ts";

const PARAMETER = /^\{(\w+)(\.\.\.)?\}$/;

/** Of `/config/{path...}`: the path without the parameter, `/config`, and the parameter's name. */
export function restOf(
  path: string,
): { readonly base: string; readonly name: string } | null {
  const [, base, name] = /^(.*)\/\{(\w+)\.\.\.\}$/.exec(path) ?? [];
  return name === undefined ? null : { base: base!, name };
}

/** The names of the parameters that stand in a route's path. */
export function pathParameters(path: string): string[] {
  return path.split("/").flatMap((part) =>
    PARAMETER.exec(part)?.slice(1, 2) ?? []
  );
}

/**
 * The parameters of a request's path where it is one of the route's, else null. `rawPath` is still
 * percent-encoded, so that an encoded slash is part of a value and separates nothing; all that follows
 * stays so, with the slash before it. AdminError 400 where the encoding is malformed.
 */
export function matchPath(
  path: string,
  rawPath: string,
): Readonly<Record<string, string>> | null {
  const rest = restOf(path);
  const wanted = (rest?.base ?? path).split("/");
  const raw = rawPath.split("/");
  const given = raw.map((part) => decode(part, "path"));
  if (rest ? given.length < wanted.length : given.length !== wanted.length) {
    return null;
  }
  const values: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const name = PARAMETER.exec(part)?.[1];
    if (name === undefined ? part !== given[i] : given[i] === "") return null;
    if (name !== undefined) values[name] = given[i]!;
  }
  if (rest) {
    values[rest.name] = ["", ...raw.slice(wanted.length)].join("/");
  }
  return values;
}

/**
 * The path of a request, with the values that belong into it. What follows at the end is given as it
 * stands in a path, encoded where it has to be.
 */
export function fillPath(
  path: string,
  values: Readonly<Record<string, string>>,
): string {
  return path.split("/").map((part) => {
    const [, name, rest] = PARAMETER.exec(part) ?? [];
    if (name === undefined) return part;
    const value = values[name] ?? "";
    return rest === undefined
      ? encodeURIComponent(value)
      : value.replace(/^\//, "").replace(/[^!-~]|[?#]/gu, encodeURIComponent);
  }).join("/");
}
