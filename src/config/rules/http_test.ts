import assert from "node:assert/strict";
import { formatProblem, Issues } from "../issues.ts";
import { warningsOf } from "../testing.ts";
import { checkRouteRegexes } from "./http.ts";
import { listener, plus, testRules } from "./testing.ts";

const LEG = 'port = 443\ntls = "implicit"';
const route = (rest: string) => plus(`[[http.route]]\nmatch = "/**"\n${rest}`);
const match = (pattern: string) =>
  plus(`[[http.route]]\nmatch = '${pattern}'\ndestination = "old"`);
const extract = (keys: string) => route(`extract = {${keys}}`);
/** A listener, the default destination's leg and this. */
const served = (more: string) =>
  listener(
    "http",
    `tls = "implicit"\n[destination.old.protocol.http]\n${LEG}\n${more}`,
  );

testRules([
  {
    rule: "an http listener has routes",
    bad: served(""),
    says: [
      "listener.x.protocol: an http listener needs at least one [[http.route]]",
    ],
    good: served('[[http.route]]\nmatch = "/**"\ndestination = "default"'),
  },
  {
    rule: "an http listener has no starttls",
    bad: listener("http", 'tls = "starttls"'),
    says: ["listener.x.tls: starttls is not possible for http"],
    good: served('[[http.route]]\nmatch = "/**"\ndestination = "old"'),
  },
  {
    rule: "an http route names declared destinations",
    bad: route('extract = {from = "authorization"}\nfallback = "odl"'),
    says: ["http.route[0].fallback: ", '"odl" is not declared'],
    good: route('extract = {from = "authorization"}\nfallback = "new"'),
  },
  {
    rule: "an http route's destination has a leg",
    bad: served('[[http.route]]\nmatch = "/**"\ndestination = "new"'),
    says: [
      "http.route[0].destination: destination new has no leg for http: add [destination.new.protocol.http]",
    ],
    good: served(
      `[destination.new.protocol.http]\n${LEG}\n[[http.route]]\nmatch = "/**"\ndestination = "new"`,
    ),
  },
  {
    rule: "an http route's fallback has a leg",
    bad: served(
      '[[http.route]]\nmatch = "/**"\nextract = {from = "authorization"}\nfallback = "new"',
    ),
    says: ["http.route[0].fallback: destination new has no leg for http"],
    good: served(
      '[[http.route]]\nmatch = "/**"\nextract = {from = "authorization"}\nfallback = "old"',
    ),
  },
  {
    rule: "an http route's default destination has a leg",
    bad: listener(
      "http",
      'tls = "implicit"\n[[http.route]]\nmatch = "/**"\ndestination = "default"',
    ),
    says: [
      "listener.x.protocol: the default destination old has no leg for http",
    ],
    good: served('[[http.route]]\nmatch = "/**"\ndestination = "default"'),
  },
  {
    rule: "an http route has a destination or an extract",
    bad: route('fallback = "old"'),
    says: ["http.route[0]: must have either destination or extract"],
    good: route('destination = "old"'),
  },
  {
    rule: "an http route has no fallback beside a destination",
    bad: route('destination = "old"\nfallback = "new"'),
    says: ["http.route[0].fallback: has no meaning beside destination"],
    good: route('destination = "old"'),
  },
  {
    rule: "an extract has the key of its kind",
    bad: extract('from = "body"'),
    says: ['http.route[0].extract.regex: required because from is "body"'],
    good: extract('from = "query", param = "u"'),
  },
  ...[
    ["query", 'param = "a", header = "b"', "header", 'param = "a"'],
    ["header", 'header = "a", regex = "(b)"', "regex", 'header = "a"'],
    ["body", 'regex = "(a)", param = "b"', "param", 'regex = "(a)"'],
  ].map(([from, keys, wrong, right]) => ({
    rule: `an extract from ${from} has no key of another kind`,
    bad: extract(`from = "${from}", ${keys}`),
    says: [
      `http.route[0].extract.${wrong}: has no meaning where from is "${from}"`,
    ],
    good: extract(`from = "${from}", ${right}`),
  })),
  {
    rule: "an extract from authorization has no further key",
    bad: extract('from = "authorization", param = "a"'),
    says: ["http.route[0].extract.param: has no meaning"],
    good: extract('from = "authorization"'),
  },
  {
    rule: "a pattern of a path can be understood",
    bad: match("/{a,b"),
    says: ['http.route[0].match: has a "{" without a "}"'],
    good: match("/{a,b}"),
  },
]);

Deno.test("rules: a pattern that no path can have is warned about", () => {
  const says = (pattern: string) =>
    warningsOf(match(pattern)).map((line) => line.slice(line.indexOf(" ")));
  assert.deepEqual(says("jmap/**"), [
    " http.route[0].match: matches nothing: every path begins with a slash",
  ]);
  for (const pattern of ["/a", "**/a", "*", "?a", "{/a,/b}"]) {
    assert.deepEqual(says(pattern), []);
  }
});

Deno.test("rules: regular expressions of routes are RE2's and have a group", async () => {
  const issues = new Issues("c.toml", () => 7);
  const routes = ["(a)", "a", "(?x) (a)", "(?<who>a)"].map((regex) => ({
    extract: { from: "body" as const, regex },
  }));
  await checkRouteRegexes({ http: { route: [{}, ...routes] } }, issues);
  assert.deepEqual(issues.problems.map(formatProblem), [
    "c.toml:7: http.route[2].extract.regex: has no group: put parentheses around what is the identifier",
    "c.toml:7: http.route[3].extract.regex: is not in RE2 syntax: invalid or unsupported Perl syntax: `(?x`",
  ]);
});
