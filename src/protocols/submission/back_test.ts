import assert from "node:assert/strict";
import {
  bytes,
  meet as meetBackend,
} from "../../../tests/support/one_sided.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { submission } from "./submission.ts";

const meet = (input: string | Uint8Array, settings?: Record<string, string>) =>
  meetBackend(submission, input, settings);

const OPENED = "220 old\r\n250-old\r\n250 AUTH PLAIN\r\n";

Deno.test("a backend's replies may have any number of lines", async () => {
  const { result, written } = await meet(
    "220-hello\r\n220-there\r\n220 old\r\n250-old\r\n250-X\r\n250 AUTH PLAIN\r\n" +
      "235-a\r\n235-b\r\n235 c\r\n",
  );
  assert.equal(result, "accepted");
  assert.equal(
    written,
    "EHLO [203.0.113.7]\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",
  );
});

Deno.test("a probe says hello for nobody", async () => {
  const written: string[] = [];
  const lines = ["220 old", "250-old", "250 AUTH PLAIN"];
  const offer = await submission.openBackend(
    {
      reader: {
        readLine: () =>
          Promise.resolve({ bytes: bytes(lines.shift()!), bare: false }),
      } as never,
      write: (data) => Promise.resolve(void written.push(String(data))),
      writeSecret: () => Promise.reject(new Error("no secret in a probe")),
      secure: false,
      startTls: () => Promise.resolve(),
    },
    { leg: { tls: "plain", forwarding: "xclient" } as never, forwarded: null },
  );
  assert.deepEqual(written, ["EHLO [127.0.0.1]\r\n"]);
  assert.ok(offer.capabilities.has("AUTH=PLAIN"));
});

Deno.test("a refusal is one whatever its code, 454 for the moment only, and 421 is none", async () => {
  for (const code of [432, 500, 504, 530, 534, 535, 538]) {
    assert.equal((await meet(`${OPENED}${code} x\r\n`)).result, "refused");
  }
  for (const code of [450, 451, 454]) {
    assert.equal((await meet(`${OPENED}${code} x\r\n`)).result, "temporary");
  }
  assert.equal(
    (await meet(`${OPENED}421 x\r\n`)).result,
    "auth: backend: service refused: 421",
  );
});

Deno.test("no words of the backend to a login come into a message", async () => {
  for (const reply of ["secret", "250 secret", "235-secret\r\n535 secret"]) {
    const { result } = await meet(`${OPENED}${reply}\r\n`);
    assert.match(result, /^auth: /);
    assert.ok(!result.includes("secret"), result);
  }
});

Deno.test("a backend that goes on for ever is not followed", async () => {
  const lines = "250-more and more and more\r\n".repeat(200);
  assert.match((await meet(`220 old\r\n${lines}`)).result, /too many lines/);
  const line = `250-${"x".repeat(70_000)}`;
  assert.match((await meet(`220 old\r\n${line}`)).result, /said too much/);
  const challenges = "334 \r\n".repeat(20);
  assert.match(
    (await meet(`${OPENED}${challenges}`)).result,
    /too many challenges/,
  );
});

Deno.test("whatever a backend says ends in a verdict or a failure", async () => {
  const whole = `${OPENED}235 ok\r\n`;
  for (let end = 0; end < whole.length; end++) {
    const { result } = await meet(whole.slice(0, end));
    assert.match(result, /^(greeting|auth): /);
  }
  const random = new SeededRandom(29);
  for (let round = 0; round < 200; round++) {
    const damaged = bytes(whole);
    for (let hits = 0; hits < 3; hits++) {
      damaged[random.below(damaged.length)] = random.below(256);
    }
    await meet(damaged);
  }
});
