import assert from "node:assert/strict";
import { bytes, meet as meetWith } from "../../../tests/support/one_sided.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { pop3 } from "./pop3.ts";

const meet = (
  input: string | Uint8Array,
  settings?: Record<string, string>,
) => meetWith(pop3, input, settings);

const OPEN = "+OK hi\r\n+OK list\r\nSASL PLAIN\r\n.\r\n";
const XCLIENT = { "leg.forwarding": "xclient" };

Deno.test("openBackend and authenticate bound what a backend may say before its verdict", async () => {
  const result = async (input: string) => (await meet(input)).result;
  assert.match(await result("x".repeat(70_000)), /^greeting: .*too much/);
  assert.match(
    await result("+OK hi\r\n+OK\r\n" + "X\r\n".repeat(101)),
    /^greeting: .*too many/,
  );
  assert.match(
    await result(`+OK hi\r\n+OK\r\n${"x".repeat(30_000)}\r\n`.repeat(3)),
    /^greeting: .*too much/,
  );
  assert.match(
    await result(OPEN + "+ \r\n".repeat(9)),
    /^auth: .*too many challenges/,
  );
  assert.equal(await result(OPEN + "+OK in\r\n"), "accepted");
});

Deno.test("the reason for the operator shows a backend's words in a short printable form, and no secret", async () => {
  const { result } = await meet(`-ERR \x1b[31m${"x".repeat(500)}\r\n`);
  assert.match(
    result,
    /^greeting: backend: greeting is "-ERR \\u001b\[31mx{50,}…"$/,
  );
  const response = btoa("\0alice\0secret");
  for (const echo of [`AUTH PLAIN ${response}`, `* BYE ${response}`]) {
    const met = await meet(`${OPEN}${echo}\r\n`);
    assert.match(met.result, /^auth: /);
    assert.ok(!met.result.includes(response));
    assert.ok(met.written.includes(response));
  }
});

Deno.test("XCLIENT is answered or refused by the backend without effect on the login", async () => {
  const open = OPEN.replace("+OK hi", "+OK [XCLIENT] hi");
  for (const answer of ["+OK Updated", "-ERR You are not from trusted IP"]) {
    const { result, written } = await meet(
      `${open}${answer}\r\n+OK in\r\n`,
      XCLIENT,
    );
    assert.equal(result, "accepted");
    assert.match(written, /^CAPA\r\nXCLIENT ADDR=203\.0\.113\.7 PORT=40000 /);
  }
});

Deno.test("truncated, damaged and random replies end in a verdict or a backend's failure", async () => {
  const random = new SeededRandom(2449);
  const whole = bytes(
    "+OK [XCLIENT] hi\r\n+OK list\r\nUSER\r\nSASL PLAIN\r\nUTF8\r\n.\r\n" +
      "+OK Updated\r\n+ \r\n+OK in\r\n",
  );
  assert.equal((await meet(whole, XCLIENT)).result, "accepted");
  for (let end = 0; end < whole.length - 1; end++) {
    assert.match(
      (await meet(whole.subarray(0, end), XCLIENT)).result,
      /^(greeting|forwarding|auth): /,
    );
  }
  for (let round = 0; round < 600; round++) {
    const damaged = whole.slice();
    for (let times = 1 + random.below(3); times > 0; times--) {
      damaged[random.below(damaged.length)] = random.below(256);
    }
    await meet(damaged, XCLIENT);
  }
});

Deno.test("a refusal that says nothing about the credentials is temporary", async () => {
  const result = async (text: string) =>
    (await meet(`${OPEN}-ERR ${text}\r\n`)).result;
  for (const code of ["SYS/TEMP", "IN-USE", "LOGIN-DELAY"]) {
    assert.equal(await result(`[${code}] later`), "temporary");
  }
  for (const text of ["[AUTH] no", "[SYS/PERM] no", "IN-USE"]) {
    assert.equal(await result(text), "refused");
  }
});
