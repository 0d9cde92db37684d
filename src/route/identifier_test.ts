import assert from "node:assert/strict";
import { decodeXoauth2 } from "../sasl/bearer.ts";
import { passwordCredentials } from "../sasl/password.ts";
import { encodeXoauth2 } from "../sasl/testing.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import {
  checkIdentifier,
  identifierOf,
  identifierOfToken,
  InvalidIdentifier,
  routeKey,
  stripMasterUser,
} from "./identifier.ts";

const url = (text: string) =>
  new TextEncoder().encode(text).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
const jwt = (claims: unknown) =>
  `${url('{"alg":"none"}')}.${url(JSON.stringify(claims))}.sig`;
const rules = {
  normalize: "lowercase",
  masterUserSeparators: ["%", "*"],
} as const;

Deno.test("identifierOf takes the authentication identity of passwords", () => {
  const credentials = passwordCredentials(
    "alice@example.com",
    "pw",
    "bob@example.com",
  );
  assert.equal(identifierOf(credentials!, "email"), "alice@example.com");
});

Deno.test("identifierOf takes the named user of a token, else what the token says", () => {
  const token = jwt({ email: "claim@example.com" });
  const named = decodeXoauth2(encodeXoauth2("user@example.com", token));
  assert.equal(identifierOf(named!, "email"), "user@example.com");
  const unnamed = decodeXoauth2(encodeXoauth2("", token));
  assert.equal(identifierOf(unnamed!, "email"), "claim@example.com");
});

Deno.test("identifierOfToken reads sw1 tokens by their footer", () => {
  assert.equal(
    identifierOfToken(`sw1.AAAA.${url("alice@example.com")}`, "email"),
    "alice@example.com",
  );
  for (
    const token of [
      "sw1.AAAA.!",
      "sw1.AAAA._w",
      "sw1.AAAA",
      "sw1.AAAA.",
      "sw1.a.b.c",
    ]
  ) {
    assert.equal(identifierOfToken(token, "email"), "", token);
  }
});

Deno.test("identifierOfToken takes the first claim in order that holds an @", () => {
  const claims = {
    sub: "sub@x",
    unique_name: "unique@x",
    upn: "upn@x",
    preferred_username: "preferred@x",
    email: "email@x",
    mailbox: "mailbox@x",
  };
  const order = [
    "mailbox",
    "email",
    "preferred_username",
    "upn",
    "unique_name",
    "sub",
  ] as const;
  const left: Record<string, unknown> = { ...claims };
  for (const claim of order) {
    assert.equal(identifierOfToken(jwt(left), "mailbox"), claims[claim]);
    // A claim that is no address gives way to the next one, as an absent one does.
    left[claim] = claim === "upn" ? ["upn@x"] : "no address";
  }
  assert.equal(identifierOfToken(jwt(left), "mailbox"), "");
});

Deno.test("identifierOfToken finds nobody in what is no token", () => {
  const tokens = [
    "",
    "opaque",
    "a.b.c",
    "..",
    `x.${url("null")}.y`,
    `x.${url('"a@b"')}.y`,
    `x.${url("{")}.y`,
    `${jwt({ email: "a@b" })}.x`,
  ];
  for (const token of tokens) {
    assert.equal(identifierOfToken(token, "email"), "", token);
  }
  assert.equal(identifierOfToken(jwt({}), "__proto__"), "");
  assert.equal(identifierOfToken(jwt({}), "constructor"), "");
});

Deno.test("checkIdentifier refuses what no account can be", () => {
  const wrong = [
    "",
    "two words",
    'quo"te',
    "tab\tbed",
    "nul\0",
    "del\x7f",
    "c1\x85",
    "nb\xa0sp",
    "line\u2028",
    "half\ud800",
    "x".repeat(321),
    "é".repeat(161),
  ];
  for (const identifier of wrong) {
    assert.throws(
      () => checkIdentifier(identifier),
      (error) =>
        error instanceof InvalidIdentifier &&
        (identifier === "" || !error.message.includes(identifier)),
    );
  }
  for (
    const identifier of [
      "a",
      "o'brien@example.com",
      "jürg@example.com",
      "#x",
      "x".repeat(320),
      "é".repeat(160),
    ]
  ) {
    checkIdentifier(identifier);
  }
});

Deno.test("stripMasterUser cuts at the first separator of any kind", () => {
  assert.equal(stripMasterUser("alice%admin", ["%"]), "alice");
  assert.equal(stripMasterUser("alice%admin%x", ["%"]), "alice");
  assert.equal(stripMasterUser("a*b%c", ["%", "*"]), "a");
  assert.equal(stripMasterUser("alice::admin", ["%", "::"]), "alice");
  assert.equal(stripMasterUser("alice%admin", []), "alice%admin");
});

Deno.test("routeKey normalizes, strips and refuses what is left empty", () => {
  assert.equal(routeKey("Alice@Example.COM%Admin", rules), "alice@example.com");
  assert.equal(routeKey("Alice", { ...rules, normalize: "none" }), "Alice");
  assert.throws(() => routeKey("%admin", rules), InvalidIdentifier);
  assert.throws(() => routeKey("alice%two words", rules), InvalidIdentifier);
});

Deno.test("routeKey of a route key is itself, for random text", () => {
  const random = new SeededRandom(53);
  const letters = [..."aAÄİßµ%*@.'\"\t\0 \u{1f600}\ud800"];
  for (let round = 0; round < 1000; round++) {
    const text = Array.from(
      { length: random.below(12) },
      () => random.pick(letters),
    ).join("");
    let key: string;
    try {
      key = routeKey(text, rules);
    } catch (error) {
      assert.ok(error instanceof InvalidIdentifier);
      continue;
    }
    assert.equal(routeKey(key, rules), key);
  }
});
