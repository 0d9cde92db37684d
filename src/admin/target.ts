/**
 * The request target as it came. The URL class is not used: it folds `..` and turns `+` and
 * malformed percent-encoding into something else than the client wrote.
 */
import { AdminError } from "./route.ts";

export interface Target {
  /** Still percent-encoded, without a trailing slash. */
  readonly rawPath: string;
  readonly rawQuery: string;
}

/** Takes scheme, authority and fragment off a request's URL. */
export function parseTarget(url: string): Target {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const target = start < 0 ? "/" : url.slice(start).split("#", 1)[0]!;
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  return {
    rawPath: path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path,
    rawQuery: mark < 0 ? "" : target.slice(mark + 1),
  };
}

/** Percent-decodes; AdminError 400 where that is malformed or not UTF-8. */
export function decode(text: string, what: "path" | "query"): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AdminError(400, `malformed ${what}`);
  }
}

/** The pairs of a query in order. `+` stays `+`: addresses have it. */
export function parseQuery(rawQuery: string): [name: string, value: string][] {
  return rawQuery.split("&").filter((pair) => pair !== "").map((pair) => {
    const equals = pair.indexOf("=");
    return equals < 0 ? [decode(pair, "query"), ""] : [
      decode(pair.slice(0, equals), "query"),
      decode(pair.slice(equals + 1), "query"),
    ];
  });
}
