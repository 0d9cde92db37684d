/** Paths of routes: segments that stand for themselves, and `{name}` for a parameter of one segment. */
import { decode } from "./target.ts";

const PARAMETER = /^\{(\w+)\}$/;

/** The names of the parameters that stand in a route's path. */
export function pathParameters(path: string): string[] {
  return path.split("/").flatMap((part) =>
    PARAMETER.exec(part)?.slice(1) ?? []
  );
}

/**
 * The parameters of a request's path where it is one of the route's, else null. `rawPath` is still
 * percent-encoded, so that an encoded slash is part of a value and separates nothing. AdminError 400
 * where the encoding is malformed.
 */
export function matchPath(
  path: string,
  rawPath: string,
): Readonly<Record<string, string>> | null {
  const wanted = path.split("/");
  const given = rawPath.split("/").map((part) => decode(part, "path"));
  if (wanted.length !== given.length) return null;
  const values: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const name = PARAMETER.exec(part)?.[1];
    if (name === undefined ? part !== given[i] : given[i] === "") return null;
    if (name !== undefined) values[name] = given[i]!;
  }
  return values;
}

/** The path of a request, with the values that belong into it. */
export function fillPath(
  path: string,
  values: Readonly<Record<string, string>>,
): string {
  return path.split("/").map((part) => {
    const name = PARAMETER.exec(part)?.[1];
    return name === undefined ? part : encodeURIComponent(values[name] ?? "");
  }).join("/");
}
