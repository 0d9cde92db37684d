import assert from "node:assert/strict";
import type { Mechanism } from "../port/snapshot.ts";
import { encodeBase64 } from "./base64.ts";
import {
  type ExchangeResult,
  mechanismNamed,
  SASL_DATA_LIMIT,
  serverExchange,
} from "./exchange.ts";
import { encodeUtf8 } from "./text.ts";

const base64 = (text: string) => encodeBase64(encodeUtf8(text));

/** Run an exchange with these answers; gives its result and the challenges that were sent. */
async function run(
  mechanism: Mechanism,
  initial: string | null,
  ...answers: (string | null)[]
): Promise<[string, string[]]> {
  const challenges: string[] = [];
  const result = await serverExchange(mechanism, initial, (challenge) => {
    challenges.push(atob(challenge));
    return Promise.resolve(answers.shift() ?? null);
  });
  return [summary(result), challenges];
}

function summary(result: ExchangeResult): string {
  if ("failure" in result) return result.failure;
  const { credentials } = result;
  return credentials.kind === "password"
    ? `${credentials.authzid}|${credentials.authcid}|${credentials.password.reveal()}`
    : `${credentials.user}|${credentials.token.reveal()}`;
}

Deno.test("mechanismNamed knows the four mechanisms in any case and no other", () => {
  assert.equal(mechanismNamed("plain"), "PLAIN");
  assert.equal(mechanismNamed("XOAuth2"), "XOAUTH2");
  for (const name of ["", "CRAM-MD5", "PLAIN ", "constructor"]) {
    assert.equal(mechanismNamed(name), null);
  }
});

Deno.test("serverExchange takes PLAIN in the initial response or after an empty challenge", async () => {
  const message = base64("\0tim\0tanstaaftanstaaf");
  assert.deepEqual(await run("PLAIN", message), ["|tim|tanstaaftanstaaf", []]);
  assert.deepEqual(await run("PLAIN", null, message), [
    "|tim|tanstaaftanstaaf",
    [""],
  ]);
});

Deno.test("serverExchange asks for a name and a password in LOGIN", async () => {
  const [user, password] = [base64("tim"), base64("pw")];
  assert.deepEqual(await run("LOGIN", null, user, password), ["|tim|pw", [
    "Username:",
    "Password:",
  ]]);
  assert.deepEqual(await run("LOGIN", user, password), ["|tim|pw", [
    "Password:",
  ]]);
  assert.deepEqual(await run("LOGIN", "", password), ["||pw", ["Password:"]]);
  assert.equal((await run("LOGIN", user, base64("p\0w")))[0], "malformed");
});

Deno.test("serverExchange takes bearer tokens of either mechanism", async () => {
  assert.equal(
    (await run("XOAUTH2", base64("user=u\x01auth=Bearer t\x01\x01")))[0],
    "u|t",
  );
  assert.equal(
    (await run("OAUTHBEARER", null, base64("n,a=u,\x01auth=Bearer t\x01\x01")))[
      0
    ],
    "u|t",
  );
});

Deno.test("serverExchange says why it failed", async () => {
  assert.equal((await run("PLAIN", null, "*"))[0], "aborted");
  assert.equal((await run("LOGIN", null, base64("tim"), "*"))[0], "aborted");
  assert.equal((await run("PLAIN", null, null))[0], "closed");
  assert.equal((await run("LOGIN", base64("tim"), null))[0], "closed");
  assert.equal((await run("PLAIN", "*"))[0], "malformed");
  assert.equal((await run("PLAIN", ""))[0], "malformed");
  assert.equal((await run("PLAIN", null, "no base64"))[0], "malformed");
  assert.equal((await run("PLAIN", base64("tim")))[0], "malformed");
  assert.equal(
    (await run("PLAIN", "A".repeat(SASL_DATA_LIMIT + 4)))[0],
    "too-long",
  );
  assert.equal(
    (await run("PLAIN", null, "A".repeat(SASL_DATA_LIMIT)))[0],
    "malformed",
  );
});
