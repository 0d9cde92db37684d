import assert from "node:assert/strict";
import type {
  ExtractionSnapshot,
  HttpRouteSnapshot,
} from "../port/snapshot.ts";
import { HttpRoutes, readyForRoutes } from "./http_routes.ts";

const base64 = (text: string) => new TextEncoder().encode(text).toBase64();
const jwt = (claims: unknown) =>
  ["{}", JSON.stringify(claims), "s"].map((part) =>
    new TextEncoder().encode(part).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    })
  ).join(".");

async function routes(...list: HttpRouteSnapshot[]): Promise<HttpRoutes> {
  await readyForRoutes(list);
  return new HttpRoutes(list, "login");
}

const to = (match: string, destination: string) => ({ match, destination });

/** What the route with this extraction finds in a request. */
async function found(
  extract: ExtractionSnapshot,
  { query = "", fields = [] }: {
    query?: string;
    fields?: readonly (readonly [string, string])[];
  },
): Promise<string | null> {
  const route = (await routes({ match: "/", extract })).match("/")!;
  return route.identifier({
    query,
    fields: {
      all: (name) =>
        fields.filter(([other]) => other === name).map(([, value]) => value),
    },
  });
}

const authorization = (...values: string[]) =>
  found({ from: "authorization" }, {
    fields: values.map((value) => ["authorization", value] as const),
  });
const query = (text: string, param = "user") =>
  found({ from: "query", param }, { query: text });

Deno.test("HttpRoutes takes the first route that matches", async () => {
  const table = await routes(
    to("/.well-known/**", "a"),
    to("/*/x", "b"),
    to("/**", "c"),
  );
  assert.equal(table.match("/.well-known/jmap")!.destination, "a");
  assert.equal(table.match("/y/x")!.destination, "b");
  assert.equal(table.match("/z")!.destination, "c");
  assert.equal((await routes(to("/a", "a"))).match("/b"), null);
  assert.equal((await routes()).match("/"), null);
});

Deno.test("HttpRoutes tries a path with and without a slash at its end", async () => {
  const table = await routes(to("/a", "a"), to("/b/", "b"), to("/c/**", "c"));
  for (const path of ["/a", "/a/", "/b", "/b/", "/c", "/c/", "/c/d/"]) {
    assert.equal(table.match(path)?.destination, path[1], path);
  }
  for (const path of ["/", "/a//", "/cd", "*"]) {
    assert.equal(table.match(path), null, path);
  }
});

Deno.test("HttpRoutes sees a path as whoever serves it will", async () => {
  const table = await routes(to("/open/**", "old"), to("/mail/~ü", "new"));
  const destination = (path: string) => table.match(path)?.destination;
  assert.equal(destination("/%6dail/%7E%c3%bc"), "new");
  assert.equal(destination("/open/../mail/~%C3%BC"), "new");
  assert.equal(destination("/open/%2e%2E/./mail/x/../~%C3%BC"), "new");
  assert.equal(destination("/../open/a/.."), "old");
  assert.equal(destination("/x/..open"), undefined);
  assert.equal(destination("/open%2Fa"), undefined);
});

Deno.test("HttpRoute tells where requests go", async () => {
  const table = await routes(to("/a", "old"), {
    match: "/b",
    extract: { from: "authorization" },
    fallback: "new",
  });
  const fixed = table.match("/a")!;
  assert.deepEqual([fixed.destination, fixed.fallback, fixed.extract], [
    "old",
    null,
    null,
  ]);
  const asking = table.match("/b")!;
  assert.deepEqual([asking.destination, asking.fallback, asking.extract], [
    null,
    "new",
    { from: "authorization" },
  ]);
});

Deno.test("HttpRoute finds the user of Basic", async () => {
  assert.equal(
    await authorization(`Basic ${base64("Alice@Example.COM:pa:ss")}`),
    "alice@example.com",
  );
  assert.equal(await authorization(`bAsIc  ${base64("bob:")}`), "bob");
  assert.equal(await authorization(`Basic ${base64("JÜRGEN:x")}`), "jürgen");
  const unpadded = base64("carol:12").replaceAll("=", "");
  assert.equal(await authorization(`Basic ${unpadded}`), "carol");
  for (
    const value of [
      `Basic ${base64("nobody")}`,
      `Basic ${base64(":password")}`,
      `Basic ${Uint8Array.of(0xfc, 0x3a).toBase64()}`,
      "Basic !",
      "Basic a",
      "Basic",
      `Basic\t${base64("a:b")}`,
      `Digest ${base64("a:b")}`,
      "",
    ]
  ) assert.equal(await authorization(value), null, value);
});

Deno.test("HttpRoute finds whom a Bearer token names", async () => {
  const token = jwt({ login: "Dora@example.com", sub: "x@y" });
  assert.equal(await authorization(`bearer ${token}`), "Dora@example.com");
  assert.equal(await authorization("Bearer opaque"), null);
});

Deno.test("HttpRoute believes no credentials that come twice", async () => {
  const one = `Basic ${base64("a:b")}`;
  assert.equal(await authorization(one, one), null);
  assert.equal(await authorization(), null);
});

Deno.test("HttpRoute finds a parameter of the query", async () => {
  assert.equal(await query("x=1&user=a%40b&user=c"), "a@b");
  assert.equal(await query("%75ser=a+b%2bc"), "a+b+c");
  assert.equal(await query("user=j%C3%BCrgen"), "jürgen");
  assert.equal(await query("user=50%"), "50%");
  assert.equal(await query("a%20b=c", "a b"), "c");
  for (
    const text of ["", "user", "user=", "User=a", "user=%FF", "xuser=a", "="]
  ) {
    assert.equal(await query(text), null, text);
  }
});

Deno.test("HttpRoute finds a field of the head", async () => {
  const extract = { from: "header", header: "X-Account" } as const;
  const of = (...values: string[]) =>
    found(extract, {
      fields: values.map((value) => ["x-account", value] as const),
    });
  assert.equal(await of(" alice@b "), "alice@b");
  assert.equal(await of("j\xc3\xbcrgen"), "jürgen");
  assert.equal(await of("j\xfcrgen"), null);
  assert.equal(await of(""), null);
  assert.equal(await of("a", "b"), null);
  assert.equal(await of(), null);
});

Deno.test("HttpRoute finds what a body says", async () => {
  const table = await routes({
    match: "/",
    extract: { from: "body", regex: '"account":"([^"]*)"' },
  });
  const route = table.match("/")!;
  const inBody = (text: string | Uint8Array) =>
    route.identifierInBody(
      typeof text === "string" ? new TextEncoder().encode(text) : text,
    );
  assert.equal(inBody('{"account":"jürgen@b"}'), "jürgen@b");
  assert.equal(inBody('{"account":""}'), null);
  assert.equal(inBody('{"account":"cut'), null);
  assert.equal(inBody(Uint8Array.of(0xff, 0xfe)), null);
  assert.equal(
    route.identifier({ query: "", fields: { all: () => [] } }),
    null,
  );
  const other = (await routes(to("/", "a"))).match("/")!;
  assert.equal(other.identifierInBody(new TextEncoder().encode("x")), null);
});
