import assert from "node:assert/strict";
import {
  bytes,
  leftBehindLogin,
  speak as speakTo,
} from "../../../tests/support/one_sided.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { imap } from "./imap.ts";

const speak = (
  input: string | Uint8Array,
  pieceSize?: () => number,
  settings?: Record<string, string>,
) => speakTo(imap, input, pieceSize, settings);

Deno.test("LOGIN reads the examples of RFC 3501 6.2.3 and 7.5 and RFC 7888 4", async () => {
  const { logins, lines } = await speak(
    "a001 LOGIN SMITH SESAME\r\n" +
      "A001 LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man\r\n" +
      "A002 LOGIN {11+}\r\nFRED FOOBAR {7+}\r\nfat man\r\n",
  );
  assert.deepEqual(logins, [
    "LOGIN||SMITH|SESAME",
    "LOGIN||FRED FOOBAR|fat man",
    "LOGIN||FRED FOOBAR|fat man",
  ]);
  assert.equal(lines.filter((line) => line.startsWith("+ ")).length, 2);
});

Deno.test("AUTHENTICATE reads the examples of RFC 4959 section 4", async () => {
  const { logins } = await speak(
    "A01 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n",
  );
  assert.deepEqual(logins, ["PLAIN|test|test|test"]);
  const without = await speak(
    "A01 AUTHENTICATE PLAIN\r\ndGVzdAB0ZXN0AHRlc3Q=\r\n",
    undefined,
    { advertise: "IMAP4rev1" },
  );
  assert.deepEqual(without.logins, ["PLAIN|test|test|test"]);
  assert.equal(
    (await speak("A02 AUTHENTICATE EXTERNAL =\r\n")).lines[0]?.slice(0, 6),
    "A02 NO",
  );
});

Deno.test("STARTTLS with clear text behind it ends the session", async () => {
  const settings = { "listener.tls": "starttls" };
  const { end, lines } = await speak(
    "a STARTTLS\r\nb NOOP\r\n",
    undefined,
    settings,
  );
  assert.equal(end, "cleartext-after-starttls");
  assert.equal(lines.length, 1);
});

Deno.test("nextLogin consumes nothing behind the login", async () => {
  assert.deepEqual(
    await leftBehindLogin(imap, "a LOGIN u p\r\nb NOOP\r\n"),
    bytes("b NOOP\r\n"),
  );
});

Deno.test("limits on lines, arguments, literals and AUTHENTICATE data hold at their exact values", async () => {
  const login = (password: string) => speak(`a LOGIN u ${password}\r\n`);
  assert.equal((await login("p".repeat(8000))).logins.length, 1);
  assert.match((await login("p".repeat(8001))).lines[0]!, /^a BAD /);
  assert.equal((await login(`"${"p".repeat(8000)}"`)).logins.length, 1);
  assert.match((await login(`"${"p".repeat(8001)}"`)).lines[0]!, /^a BAD /);
  assert.equal(
    (await login(`{8000+}\r\n${"p".repeat(8000)}`)).logins.length,
    1,
  );
  assert.match(
    (await login(`{8001+}\r\n${"p".repeat(8001)}`)).lines[0]!,
    /^a BAD /,
  );
  assert.match(
    (await login(`{65536+}\r\n${"p".repeat(65536)}`)).lines[0]!,
    /^a BAD /,
  );
  assert.equal((await login(`{65537+}\r\n`)).end, "line");
  assert.equal((await speak(`a ${"x".repeat(8190)}\r\n`)).end, "gone");
  assert.equal((await speak(`a ${"x".repeat(8191)}\r\n`)).end, "line");
  assert.equal((await speak("x".repeat(100_000))).end, "line");
  const message = btoa(`\0u\0${"p".repeat(9213)}`);
  assert.equal(message.length, 12288);
  assert.equal(
    (await speak(`a AUTHENTICATE PLAIN ${message}\r\n`)).logins.length,
    1,
  );
  assert.equal(
    (await speak(`a AUTHENTICATE PLAIN\r\n${message}\r\n`)).logins.length,
    1,
  );
  assert.equal(
    (await speak(`a AUTHENTICATE PLAIN ${message}AAAA\r\n`)).end,
    "line",
  );
  assert.equal(
    (await speak(`a AUTHENTICATE PLAIN\r\n${message}AAAA\r\n`)).end,
    "line",
  );
});

Deno.test("a command with endless literals ends the session", async () => {
  assert.equal((await speak("a XYZZY " + "{0+}\r\n".repeat(1000))).end, "line");
  assert.equal(
    (await speak("a LOGIN u p " + "{1000+}\r\n".padEnd(1009, "x").repeat(70)))
      .end,
    "line",
  );
});

const COMMANDS = [
  "a1 CAPABILITY\r\n",
  "a2 NOOP\r\n",
  'a3 ID ("name" "x" "version" NIL {2+}\r\nos {3}\r\nabc)\r\n',
  'a4 LOGIN alice "se\\"cret"\r\n',
  "a5 LOGIN {5+}\r\nalice {6}\r\nsecret\r\n",
  "a6 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n",
  "a7 AUTHENTICATE LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n",
  "a8 AUTHENTICATE XOAUTH2\r\n*\r\n",
  "a9 SELECT {5+}\r\nINBOX\r\n",
];

Deno.test("a dialogue means the same in pieces of any size", async () => {
  const input = COMMANDS.join("");
  const whole = await speak(input);
  assert.deepEqual(whole.logins, [
    'LOGIN||alice|se"cret',
    "LOGIN||alice|secret",
    "PLAIN||alice|secret",
    "LOGIN||alice|secret",
  ]);
  assert.deepEqual(await speak(input, () => 1), whole);
  const random = new SeededRandom(3501);
  for (let round = 0; round < 20; round++) {
    assert.deepEqual(await speak(input, () => random.below(40)), whole);
  }
});

Deno.test("truncated, damaged and random input is answered line by line and never breaks the dialogue", async () => {
  const random = new SeededRandom(9051);
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
  const pieces = [
    "a ",
    "LOGIN",
    "ID",
    " ",
    "(",
    ")",
    '"',
    "\\",
    "{3}",
    "{3+}",
    "\r\n",
    "\n",
    "\r",
    "NIL",
    "AUTHENTICATE",
    "PLAIN",
    "*",
    "=",
    "\0",
    "\xff",
    "x",
  ];
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
  for (const line of lines) {
    assert.match(line, /^(\* |\+ |[\x21-\x7e]+ (OK|NO|BAD) )/);
  }
  for (const login of logins) assert.doesNotMatch(login, /[\0\r\n]/);
  assert.ok(["gone", "line", "logout"].includes(end));
}
