import assert from "node:assert/strict";
import {
  DialogueLeg,
  listenerFrom,
  snapshotFrom,
} from "../../../tests/support/dialogue_session.ts";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { LineTooLong } from "../../net/line_reader.ts";
import { SessionEnd } from "../session_end.ts";
import { ManageSieveFrontend } from "./front.ts";

const bytes = (text: string) =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

interface Outcome {
  /** Logins as `method|authzid|authcid|password` or `method|user|token`. */
  readonly logins: string[];
  readonly written: string;
  readonly failures: number;
  readonly end: string;
}

/** A frontend before a client that has said everything already. */
function open(stream: MemoryStream, settings: Record<string, string> = {}) {
  const map = new Map(Object.entries(settings));
  const listener = listenerFrom(map, "managesieve");
  const leg = new DialogueLeg(
    stream,
    listener.tls === "implicit",
    true,
    new SessionEnd("cleartext-after-starttls"),
  );
  const counts = { failures: 0 };
  const io = Object.assign(leg, {
    countFailure: () => void counts.failures++,
  });
  const front = new ManageSieveFrontend(io, {
    listener,
    snapshot: snapshotFrom(map),
    hostname: "h",
    sessionId: "s",
  });
  return { front, leg, counts };
}

/** Speak to a frontend that refuses each login, until the client's bytes have run out. */
async function speak(
  input: string | Uint8Array,
  pieceSize?: () => number,
  settings?: Record<string, string>,
): Promise<Outcome> {
  const stream = new MemoryStream(
    typeof input === "string" ? bytes(input) : input,
    pieceSize,
  );
  const { front, counts } = open(stream, settings);
  const logins: string[] = [];
  let end = "gone";
  try {
    for (let login; (login = await front.nextLogin()) !== null;) {
      const { credentials, method } = login;
      logins.push(
        credentials.kind === "password"
          ? `${method}|${credentials.authzid}|${credentials.authcid}|${credentials.password.reveal()}`
          : `${method}|${credentials.user}|${credentials.token.reveal()}`,
      );
      await front.refuse(login, { kind: "unavailable" });
    }
  } catch (error) {
    if (error instanceof SessionEnd) end = error.reason;
    else if (error instanceof LineTooLong) end = "line";
    else throw error;
  }
  const { written } = stream;
  return { logins, written, failures: counts.failures, end };
}

Deno.test("AUTHENTICATE reads the examples of RFC 5804 2.1", async () => {
  const inline = await speak('Authenticate "PLAIN" "QJIrweAPyo6Q1T9xu"\r\n');
  assert.deepEqual([inline.logins, inline.failures], [[], 1]);
  const { logins } = await speak(
    'AUTHENTICATE "PLAIN" {20+}\r\nAHRlc3QAdGVzdHNlY3I=\r\n',
  );
  assert.deepEqual(logins, ["PLAIN||test|testsecr"]);
});

Deno.test("NOOP and STARTTLS follow the examples of RFC 5804 2.13 and 2.2", async () => {
  const { written } = await speak('NOOP "STARTTLS-SYNC-42"\r\n');
  assert.equal(written, 'OK (TAG {16}\r\nSTARTTLS-SYNC-42) "Done"\r\n');
  const clear = await speak("STARTTLS\r\nNOOP\r\n", undefined, {
    "listener.tls": "starttls",
  });
  assert.equal(clear.end, "cleartext-after-starttls");
  assert.equal(clear.written.split("\r\n").length, 2);
});

Deno.test("nextLogin consumes nothing behind the login", async () => {
  const stream = new MemoryStream(
    bytes('AUTHENTICATE "PLAIN" {8+}\r\nAHUAcA==\r\nNOOP\r\n'),
  );
  const { front, leg } = open(stream);
  await front.nextLogin();
  assert.deepEqual(leg.reader.handOver().buffered, bytes("NOOP\r\n"));
  assert.equal(stream.written, "");
});

Deno.test("greet quotes what the configuration says and keeps the order of the reference", async () => {
  const stream = new MemoryStream(bytes(""));
  const { front } = open(stream, { sasl: "PLAIN", "listener.tls": "starttls" });
  await front.greet();
  assert.deepEqual(
    stream.written.split("\r\n").map((line) => line.split(" ")[0]),
    [
      '"IMPLEMENTATION"',
      '"VERSION"',
      '"SASL"',
      '"SIEVE"',
      '"STARTTLS"',
      "OK",
      "",
    ],
  );
});

Deno.test("limits on lines, literals and AUTHENTICATE data hold at their exact values", async () => {
  assert.equal((await speak(`${"x".repeat(8192)}\r\n`)).end, "gone");
  assert.equal((await speak(`${"x".repeat(8193)}\r\n`)).end, "line");
  assert.equal((await speak("x".repeat(100_000))).end, "line");
  const literal = (size: number) => `X {${size}+}\r\n${"x".repeat(size)}\r\n`;
  assert.equal((await speak(literal(65536))).end, "gone");
  assert.equal((await speak(literal(65537))).end, "line");
  assert.equal((await speak("X" + " {0+}\r\n".repeat(20))).end, "line");
  const message = btoa(`\0u\0${"p".repeat(9213)}`);
  assert.equal(message.length, 12288);
  const forms = [
    (data: string) => `AUTHENTICATE "PLAIN" "${data}"\r\n`,
    (data: string) => `AUTHENTICATE "PLAIN"\r\n"${data}"\r\n`,
    (data: string) => `AUTHENTICATE "PLAIN" {${data.length}+}\r\n${data}\r\n`,
    (data: string) => `AUTHENTICATE "PLAIN"\r\n{${data.length}}\r\n${data}\r\n`,
  ];
  for (const form of forms) {
    assert.equal((await speak(form(message))).logins.length, 1);
    assert.equal((await speak(form(`${message}AAAA`))).end, "line");
  }
});

const COMMANDS = [
  "CAPABILITY\r\n",
  'NOOP "a"\r\n',
  "NOOP {3+}\r\nabc\r\n",
  'AUTHENTICATE "PLAIN" "AGFsaWNlAHNlY3JldA=="\r\n',
  'AUTHENTICATE "PLAIN"\r\n{20+}\r\nAGFsaWNlAHNlY3JldA==\r\n',
  'AUTHENTICATE {5+}\r\nLOGIN\r\n"YWxpY2U="\r\n{8}\r\nc2VjcmV0\r\n',
  'AUTHENTICATE "XOAUTH2"\r\n"*"\r\n',
  'PUTSCRIPT "x" {6+}\r\nkeep;\n\r\n',
];

Deno.test("a dialogue means the same in pieces of any size", async () => {
  const input = COMMANDS.join("");
  const whole = await speak(input);
  assert.deepEqual(whole.logins, [
    "PLAIN||alice|secret",
    "PLAIN||alice|secret",
    "LOGIN||alice|secret",
  ]);
  assert.equal(whole.failures, 0);
  assert.deepEqual(await speak(input, () => 1), whole);
  const random = new SeededRandom(5804);
  for (let round = 0; round < 20; round++) {
    assert.deepEqual(await speak(input, () => random.below(40)), whole);
  }
});

Deno.test("truncated, damaged and random input is answered by the grammar and never breaks the dialogue", async () => {
  const random = new SeededRandom(4190);
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
    "AUTHENTICATE",
    "NOOP",
    " ",
    '"',
    '"PLAIN"',
    "\\",
    "{3}",
    "{3+}",
    "{0+}",
    "\r\n",
    "\n",
    "\r",
    "*",
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
  const { logins, written, end } = await speak(input);
  // The only literals are those of NOOP's answer.
  const plain = written.replaceAll(
    /\{(\d+)\}\r\n[^]*?\) "Done"/g,
    '"") "Done"',
  );
  for (const line of plain.split("\r\n").slice(0, -1)) {
    assert.match(line, /^(?:(?:OK|NO)(?: .*)? ".*"|"[^"]*"(?: "[^"]*")?)$/);
  }
  for (const login of logins) assert.doesNotMatch(login, /[\0\r\n]/);
  assert.ok(["gone", "line", "logout"].includes(end));
}
