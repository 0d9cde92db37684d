/** `[[http.route]]` in force: which route a request takes, and whom it names. */
import { canonicalPath, compileGlob } from "../config/glob.ts";
import { compileRegex, loadRegexEngine, type Regex } from "../config/regex.ts";
import type {
  ExtractionSnapshot,
  HttpRouteSnapshot,
} from "../port/snapshot.ts";
import {
  identifierInBody,
  identifierInField,
  identifierInQuery,
  identifierOfAuthorization,
  type NamingRequest,
  onlyValue,
} from "./http_identifier.ts";

export interface HttpRoute {
  /** Where all requests go; null where they say themselves. */
  readonly destination: string | null;
  /** Where requests go that name no account; null for nowhere. */
  readonly fallback: string | null;
  readonly extract: ExtractionSnapshot | null;
  /**
   * The identifier as the request's head names it, not normalized, not checked; null for none, and where
   * it is in the body.
   */
  identifier(request: NamingRequest): string | null;
  /** Likewise from the first bytes of the body. */
  identifierInBody(body: Uint8Array): string | null;
}

/** What has to be there before `HttpRoutes` is made of such routes. */
export async function readyForRoutes(
  routes: readonly HttpRouteSnapshot[],
): Promise<void> {
  if (routes.some(({ extract }) => extract?.from === "body")) {
    await loadRegexEngine();
  }
}

/** Paths may be made up without end: so many are remembered, and no long ones. */
const KNOWN_MAX = 256;
const KNOWN_LENGTH_MAX = 256;

export class HttpRoutes {
  readonly #routes: readonly {
    readonly matches: (path: string) => boolean;
    readonly route: HttpRoute;
  }[];

  /** `readyForRoutes` must have been awaited. Throws PatternFault, which the rules of the configuration have ruled out. */
  constructor(routes: readonly HttpRouteSnapshot[], jwtUsernameClaim: string) {
    this.#routes = routes.map((route) => ({
      matches: compileGlob(route.match),
      route: new Route(route, jwtUsernameClaim),
    }));
  }

  /** Of the paths that come all the time. */
  readonly #known = new Map<string, HttpRoute | null>();

  /**
   * The first route whose pattern matches a path (as sent, without the query), with or without a slash
   * at its end; null for none. Dots are followed first, as whoever serves the path will do.
   */
  match(path: string): HttpRoute | null {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const route = this.#firstMatch(path);
    if (this.#known.size === KNOWN_MAX) this.#known.clear();
    if (path.length <= KNOWN_LENGTH_MAX) this.#known.set(path, route);
    return route;
  }

  #firstMatch(path: string): HttpRoute | null {
    const one = withoutDots(canonicalPath(path));
    const other = one.endsWith("/") ? one.slice(0, -1) : `${one}/`;
    return this.#routes.find(({ matches }) => matches(one) || matches(other))
      ?.route ?? null;
  }
}

class Route implements HttpRoute {
  readonly destination: string | null;
  readonly fallback: string | null;
  readonly extract: ExtractionSnapshot | null;
  readonly #regex: Regex | null;

  constructor(
    { destination, fallback, extract }: HttpRouteSnapshot,
    private readonly jwtClaim: string,
  ) {
    this.destination = destination ?? null;
    this.fallback = fallback ?? null;
    this.extract = extract ?? null;
    this.#regex = extract?.from === "body" ? compileRegex(extract.regex) : null;
  }

  identifier({ query, fields }: NamingRequest): string | null {
    const { extract } = this;
    switch (extract?.from) {
      case "authorization": {
        const value = onlyValue(fields.all("authorization"));
        return value === null
          ? null
          : identifierOfAuthorization(value, this.jwtClaim);
      }
      case "query":
        return identifierInQuery(query, extract.param);
      case "header":
        return identifierInField(
          onlyValue(fields.all(extract.header.toLowerCase())),
        );
      default:
        return null;
    }
  }

  identifierInBody(body: Uint8Array): string | null {
    return this.#regex === null ? null : identifierInBody(body, this.#regex);
  }
}

/** RFC 3986 5.2.4. */
function withoutDots(path: string): string {
  if (!path.includes("/.")) return path;
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [i, segment] of segments.entries()) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
    if (i === segments.length - 1 && /^\.\.?$/.test(segment)) kept.push("");
  }
  return `/${kept.join("/")}`;
}
