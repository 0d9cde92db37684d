import assert from "node:assert/strict";
import { describe } from "../../../tests/support/one_sided.ts";
import {
  DialogueLeg,
  FORWARDED,
  legFrom,
} from "../../../tests/support/dialogue_session.ts";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { passwordCredentials } from "../../sasl/password.ts";
import { BackendFailure, type Login } from "../protocol.ts";
import { authenticate, openBackend } from "./back.ts";

const bytes = (text: string) =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

const login = (password: string): Login => ({
  credentials: passwordCredentials("alice", password)!,
  method: "PLAIN",
  challenge: () => Promise.resolve(null),
});

interface Outcome {
  readonly result: string;
  readonly written: string;
}

/** What becomes of a login at a backend that says just this, whatever it is told. */
async function meet(
  input: string | Uint8Array,
  settings: Record<string, string> = {},
  { forwarded = FORWARDED as typeof FORWARDED | null, password = "secret" } =
    {},
): Promise<Outcome> {
  const stream = new MemoryStream(
    typeof input === "string" ? bytes(input) : input,
  );
  const leg = legFrom(new Map(Object.entries(settings)), "managesieve");
  const io = new DialogueLeg(
    stream,
    false,
    true,
    new BackendFailure("starttls", "left over"),
  );
  const context = { leg, forwarded };
  let result: string;
  try {
    const offer = await openBackend(io, context);
    const verdict = await authenticate(io, context, offer, login(password));
    result = describe(verdict);
  } catch (error) {
    if (!(error instanceof BackendFailure)) throw error;
    result = `${error.stage}: ${error.message}`;
  }
  return { result, written: stream.written };
}

// RFC 5804 1.7.
const GREETING =
  '"IMPLEMENTATION" "Example1 ManageSieved v001"\r\n"VERSION" "1.0"\r\n' +
  '"SASL" "PLAIN SCRAM-SHA-1 GSSAPI"\r\n"SIEVE" "fileinto vacation"\r\n' +
  '"XCLIENT"\r\nOK\r\n';

Deno.test("openBackend reads the greeting of RFC 5804 1.7 and a probe asks again", async () => {
  const accepted = await meet(`${GREETING}OK "in"\r\n`);
  assert.equal(accepted.result, "accepted");
  assert.equal(
    accepted.written,
    'AUTHENTICATE "PLAIN" "AGFsaWNlAHNlY3JldA=="\r\n',
  );
  const probe = await meet(GREETING, {}, { forwarded: null });
  assert.equal(probe.written, "CAPABILITY\r\n");
  assert.match(probe.result, /^greeting: .*closed/);
});

Deno.test("authenticate sends a long response as a literal", async () => {
  const { written } = await meet(`${GREETING}OK\r\n`, {}, {
    password: "p".repeat(800),
  });
  assert.match(written, /^AUTHENTICATE "PLAIN" \{1076\+\}\r\n\S{1076}\r\n$/);
});

Deno.test("openBackend and authenticate bound what a backend may say before its verdict", async () => {
  assert.match((await meet("x".repeat(70_000))).result, /^greeting: .*much/);
  assert.match(
    (await meet('"X" "y"\r\n'.repeat(101))).result,
    /^greeting: .*too many/,
  );
  assert.match((await meet('"X" {70000}\r\n')).result, /^greeting: .*much/);
  assert.match(
    (await meet(`${GREETING}${'""\r\n'.repeat(9)}`)).result,
    /^auth: .*too many challenges/,
  );
});

Deno.test("no message of a failure holds the password", async () => {
  const response = btoa("\0alice\0secret");
  const echoes = [
    `AUTHENTICATE "PLAIN" "${response}"`,
    `BYE "${response}"`,
    `"${response}" "x"`,
  ];
  for (const echo of echoes) {
    const { result } = await meet(`${GREETING}${echo}\r\n`);
    assert.match(result, /^auth: /);
    assert.ok(!result.includes(response), result);
  }
});

Deno.test("XCLIENT is answered or refused by the backend without effect on the login", async () => {
  for (const answer of ["OK", 'NO "never"']) {
    const { result, written } = await meet(
      `${GREETING}${answer}\r\nOK\r\n`,
      { "leg.forwarding": "xclient" },
    );
    assert.equal(result, "accepted");
    assert.match(written, /^XCLIENT ADDR=203\.0\.113\.7 PORT=40000 /);
  }
});

Deno.test("truncated, damaged and random responses end in a verdict or a backend's failure", async () => {
  const random = new SeededRandom(2971);
  const whole = bytes(
    GREETING.replace('"fileinto', '{8}\r\nfileinto\r\n"X" "') +
      'OK (X {2}\r\nab) "Updated"\r\n"AAAA"\r\nOK (SASL "AAAA") {2}\r\nin\r\n',
  );
  const settings = { "leg.forwarding": "xclient" };
  assert.equal((await meet(whole, settings)).result, "accepted");
  for (let end = 0; end < whole.length - 1; end++) {
    assert.match(
      (await meet(whole.subarray(0, end), settings)).result,
      /^(greeting|forwarding|auth): /,
    );
  }
  for (let round = 0; round < 600; round++) {
    const damaged = whole.slice();
    for (let times = 1 + random.below(3); times > 0; times--) {
      damaged[random.below(damaged.length)] = random.below(256);
    }
    await meet(damaged, settings);
  }
});

Deno.test("TRYLATER says nothing about the credentials", async () => {
  const later = await meet(`${GREETING}NO (TRYLATER) "busy"\r\n`);
  assert.equal(later.result, "temporary");
  assert.equal((await meet(`${GREETING}NO "no"\r\n`)).result, "refused");
});
