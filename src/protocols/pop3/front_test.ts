import assert from "node:assert/strict";
import {
  bytes,
  leftBehindLogin,
  speak as speakTo,
} from "../../../tests/support/one_sided.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { pop3 } from "./pop3.ts";

const speak = (
  input: string | Uint8Array,
  pieceSize?: () => number,
  settings?: Record<string, string>,
) => speakTo(pop3, input, pieceSize, settings);

Deno.test("USER and PASS read the examples of RFC 1939 section 7", async () => {
  const { logins } = await speak(
    "USER frated\r\nUSER mrose\r\nPASS secret\r\nUSER mrose\r\nPASS tan staaf\r\n",
  );
  assert.deepEqual(logins, [
    "USER||mrose|secret",
    "USER||mrose|tan staaf",
  ]);
});

Deno.test("AUTH reads the examples of RFC 5034 section 6", async () => {
  const inline = await speak("AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n");
  assert.deepEqual(inline.logins, ["PLAIN|test|test|test"]);
  const asked = await speak("AUTH PLAIN\r\ndGVzdAB0ZXN0AHRlc3Q=\r\n");
  assert.deepEqual(asked.logins, ["PLAIN|test|test|test"]);
  assert.equal(asked.lines[0], "+ ");
  const unknown = await speak("AUTH DIGEST-MD5\r\nAUTH EXTERNAL =\r\n");
  assert.ok(unknown.lines.every((line) => line.startsWith("-ERR ")));
});

Deno.test("answers of the proxy's own carry the codes of RFC 3206", async () => {
  const { lines } = await speak("AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n");
  assert.match(lines[0]!, /^-ERR \[SYS\/TEMP\] /);
});

Deno.test("nextLogin consumes nothing behind the login", async () => {
  for (const login of ["USER u\r\nPASS p\r\n", "AUTH PLAIN AHUAcA==\r\n"]) {
    assert.deepEqual(
      await leftBehindLogin(pop3, `${login}STAT\r\nLIST\r\n`),
      bytes("STAT\r\nLIST\r\n"),
    );
  }
});

Deno.test("limits on lines and AUTH data hold at their exact values", async () => {
  const pass = (password: string) => speak(`USER u\r\nPASS ${password}\r\n`);
  assert.equal((await pass("p".repeat(8187))).logins.length, 1);
  assert.equal((await pass("p".repeat(8188))).end, "line");
  assert.equal((await speak("x".repeat(100_000))).end, "line");
  const message = btoa(`\0u\0${"p".repeat(9213)}`);
  assert.equal(message.length, 12288);
  for (const space of [" ", "\r\n"]) {
    const auth = `AUTH PLAIN${space}${message}`;
    assert.equal((await speak(`${auth}\r\n`)).logins.length, 1);
    assert.equal((await speak(`${auth}AAAA\r\n`)).end, "line");
  }
});

Deno.test("a name without a password and an end in an exchange are a client that left", async () => {
  for (const input of ["USER u\r\n", "AUTH LOGIN\r\ndQ==\r\n", "AUTH PLAIN"]) {
    const { logins, end, failures } = await speak(input);
    assert.deepEqual([logins, end, failures], [[], "gone", 0]);
  }
});

const COMMANDS = [
  "CAPA\r\n",
  "NOOP\r\n",
  "USER alice\r\nPASS se cret\r\n",
  "PASS secret\r\n",
  "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",
  "AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n",
  "AUTH XOAUTH2\r\n*\r\n",
  "AUTH\r\n",
  "UTF8\r\n",
  "STAT\r\n",
];

Deno.test("a dialogue means the same in pieces of any size", async () => {
  const input = COMMANDS.join("");
  const whole = await speak(input);
  assert.deepEqual(whole.logins, [
    "USER||alice|se cret",
    "PLAIN||alice|secret",
    "LOGIN||alice|secret",
  ]);
  assert.equal(whole.failures, 0);
  assert.deepEqual(await speak(input, () => 1), whole);
  const random = new SeededRandom(1939);
  for (let round = 0; round < 20; round++) {
    assert.deepEqual(await speak(input, () => random.below(40)), whole);
  }
});

Deno.test("truncated, damaged and random input is answered line by line and never breaks the dialogue", async () => {
  const random = new SeededRandom(5034);
  const input = bytes(COMMANDS.join(""));
  for (let end = 0; end < input.length; end++) {
    await checkSane(input.subarray(0, end));
  }
  for (let round = 0; round < 600; round++) {
    const damaged = input.slice();
    for (let times = 1 + random.below(4); times > 0; times--) {
      damaged[random.below(damaged.length)] = random.below(256);
    }
    await checkSane(damaged);
  }
  const pieces =
    "USER |PASS |AUTH |PLAIN|LOGIN|CAPA|STLS|UTF8|NOOP| |\r\n|\n|\r|*|=|\0|\xff|x|AGEAYg=="
      .split("|");
  for (let round = 0; round < 600; round++) {
    const parts = Array.from(
      { length: random.below(40) },
      () => random.pick(pieces),
    );
    await checkSane(bytes(parts.join("")));
  }
});

async function checkSane(input: Uint8Array): Promise<void> {
  const { logins, lines, end } = await speak(input);
  let listing = false;
  for (const line of lines) {
    if (listing) listing = line !== ".";
    else {
      assert.match(line, /^(\+OK|-ERR|\+)( |$)/);
      listing = line.endsWith("follow") || line.endsWith("follows");
    }
  }
  for (const login of logins) assert.doesNotMatch(login, /[\0\r\n]/);
  assert.ok(["gone", "line", "logout"].includes(end));
}
