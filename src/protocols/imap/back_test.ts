import assert from "node:assert/strict";
import { bytes, meet as meetWith } from "../../../tests/support/one_sided.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { imap } from "./imap.ts";

const meet = (
  input: string | Uint8Array,
  settings?: Record<string, string>,
) => meetWith(imap, input, settings);

const GREETING = "* OK [CAPABILITY IMAP4rev1 SASL-IR ID AUTH=PLAIN] hi\r\n";

Deno.test("openBackend and authenticate bound what a backend may say before its verdict", async () => {
  const flood = (line: string, count: number) => GREETING + line.repeat(count);
  assert.match(
    (await meet("x".repeat(70_000))).result,
    /^greeting: .*too much/,
  );
  assert.match(
    (await meet("* OK " + "x".repeat(70_000))).result,
    /^greeting: .*too much/,
  );
  assert.match(
    (await meet(flood("* OK still here\r\n", 101))).result,
    /^auth: .*too many/,
  );
  assert.equal(
    (await meet(flood("* OK still here\r\n", 99) + "A1 OK in\r\n")).result,
    "accepted",
  );
  assert.match(
    (await meet(flood(`* OK ${"x".repeat(30_000)}\r\n`, 3))).result,
    /^auth: .*too much/,
  );
  assert.match(
    (await meet(flood("* X {70000}\r\n", 1))).result,
    /^auth: .*too much/,
  );
  assert.match(
    (await meet(flood("+ \r\n", 9))).result,
    /^auth: .*too many challenges/,
  );
});

Deno.test("the reason for the operator shows a backend's words in a short printable form", async () => {
  const { result } = await meet(`* NO \x1b[31m${"x".repeat(500)}\r\n`);
  assert.match(
    result,
    /^greeting: backend: greeting is "NO \\u001b\[31mx{50,}…"$/,
  );
});

Deno.test("no message of a failure holds the password", async () => {
  const { result, written } = await meet(GREETING + "+ \r\n".repeat(9));
  assert.ok(written.includes(btoa("\0alice\0secret")));
  const response = btoa("\0alice\0secret");
  assert.ok(!result.includes("secret") && !result.includes(response));
  // An echo service behind a wrong port, or a BYE with the offending command in it.
  const echoes = [
    `A1 AUTHENTICATE PLAIN ${response}`,
    `* BYE ${response}`,
    `A1 ${response}`,
  ];
  for (const echo of echoes) {
    const met = await meet(`${GREETING}${echo}\r\n`);
    assert.match(met.result, /^auth: /);
    assert.ok(!met.result.includes(response));
  }
});

Deno.test("ID is answered or refused by the backend without effect on the login", async () => {
  for (const answer of ["I1 OK done", "I1 NO never", "I1 BAD what"]) {
    const { result, written } = await meet(
      `${GREETING}${answer}\r\nA1 OK in\r\n`,
      { "leg.forwarding": "xclient" },
    );
    assert.equal(result, "accepted");
    assert.match(written, /^I1 ID \("x-originating-ip" "203\.0\.113\.7" /);
  }
});

Deno.test("truncated, damaged and random responses end in a verdict or a backend's failure", async () => {
  const random = new SeededRandom(2971);
  const whole = bytes(
    "* OK hi\r\nC2 OK\r\n".replace(
      "C2",
      "* CAPABILITY IMAP4rev1 ID AUTH=PLAIN\r\nC2",
    ) +
      '* ID ("name" {3}\r\nold)\r\nI1 OK done\r\n+ \r\n* OK [ALERT] x\r\nA1 OK [CAPABILITY X] in\r\n',
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

Deno.test("a refusal that says nothing about the credentials is temporary", async () => {
  const result = async (text: string) =>
    (await meet(`${GREETING}A1 NO ${text}\r\n`)).result;
  for (const code of ["UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG"]) {
    assert.equal(await result(`[${code}] later`), "temporary");
  }
  for (const text of ["[AUTHENTICATIONFAILED] no", "[LIMITED] no", "LIMIT"]) {
    assert.equal(await result(text), "refused");
  }
});
