import assert from "node:assert/strict";
import {
  DialogueLeg,
  listenerFrom,
  snapshotFrom,
} from "../../../tests/support/dialogue_session.ts";
import { MemoryStream } from "../../../tests/support/memory_stream.ts";
import {
  bytes,
  leftBehindLogin,
  speak as speakTo,
} from "../../../tests/support/one_sided.ts";
import { SeededRandom } from "../../../tests/support/random.ts";
import { SASL_DATA_LIMIT } from "../../sasl/exchange.ts";
import type { ClaimedClient } from "../protocol.ts";
import { SubmissionFrontend } from "./front.ts";
import { submission } from "./submission.ts";

const speak = (
  input: string | Uint8Array,
  pieceSize?: () => number,
  settings?: Record<string, string>,
) => speakTo(submission, input, pieceSize, settings);

/** The codes of all replies, without the lines of EHLO before the last. */
const codes = (lines: readonly string[]) =>
  lines.filter((line) => line[3] !== "-").map((line) => line.slice(0, 3));

Deno.test("AUTH reads the examples of RFC 4954 4.1", async () => {
  const plain = await speak(
    "EHLO client.example.com\r\nAUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=\r\n",
  );
  assert.deepEqual(plain.logins, ["PLAIN|test|test|1234"]);
  const asked = await speak(
    "EHLO client.example.com\r\nAUTH PLAIN\r\ndGVzdAB0ZXN0ADEyMzQ=\r\n",
  );
  assert.deepEqual(asked.logins, ["PLAIN|test|test|1234"]);
  assert.ok(asked.lines.includes("334 "));
  const unknown = await speak("EHLO client.example.com\r\nAUTH DIGEST-MD5\r\n");
  assert.match(unknown.lines.at(-1)!, /^504 5\.5\.4 /);
});

Deno.test("a login that is unavailable ends the session with 421 4.3.0", async () => {
  const { lines, logins } = await speak(
    "HELO c\r\nAUTH PLAIN AGEAYg==\r\nNOOP\r\n",
  );
  assert.equal(logins.length, 1);
  assert.match(lines.at(-1)!, /^421 4\.3\.0 /);
});

Deno.test("nextLogin consumes nothing behind the login", async () => {
  assert.deepEqual(
    await leftBehindLogin(
      submission,
      "HELO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<>\r\n",
    ),
    bytes("MAIL FROM:<>\r\n"),
  );
});

Deno.test("limits on commands and AUTH data hold at their exact values", async () => {
  const noop = (size: number) => speak(`NOOP ${"x".repeat(size - 5)}\r\n`);
  assert.deepEqual(codes((await noop(8192)).lines), ["250"]);
  assert.equal((await noop(8193)).end, "line");
  // PLAIN with a password of such a length that the base64 has `size` characters.
  const data = (size: number) => btoa(`\0u\0${"p".repeat(size / 4 * 3 - 3)}`);
  for (const form of ["AUTH PLAIN ", "AUTH PLAIN\r\n"]) {
    const login = (size: number) => speak(`HELO c\r\n${form}${data(size)}\r\n`);
    assert.equal((await login(SASL_DATA_LIMIT)).logins.length, 1);
    const over = await login(SASL_DATA_LIMIT + 4);
    assert.equal(over.end, "line");
    assert.match(over.lines.at(-1)!, /^500 5\.5\.6 /);
  }
  const endless = await speak(`HELO c\r\nAUTH PLAIN ${"A".repeat(100_000)}`);
  assert.equal(endless.end, "line");
});

Deno.test("sasl limits what is accepted, not only what is offered", async () => {
  const { lines, logins } = await speak(
    "EHLO c\r\nAUTH PLAIN AGEAYg==\r\n",
    undefined,
    { sasl: "XOAUTH2" },
  );
  assert.deepEqual(logins, []);
  assert.ok(lines.includes("250 AUTH XOAUTH2"));
  assert.match(lines.at(-1)!, /^504 /);
});

Deno.test("XCLIENT is taken from a trusted peer alone, and forgets the hello", async () => {
  const session = async (adopt: ((claim: ClaimedClient) => void) | null) => {
    const stream = new MemoryStream(bytes(
      "EHLO a\r\nXCLIENT ADDR=IPV6:2001:db8::1 PORT=99 TTL=3\r\n" +
        "AUTH PLAIN AGEAYg==\r\nXCLIENT nonsense\r\n",
    ));
    const settings = new Map<string, string>();
    const leg = new DialogueLeg(stream, true, true, new Error("left over"));
    const io = Object.assign(leg, {
      countFailure: () => {},
      ...adopt ? { adopt } : {},
    });
    const front = new SubmissionFrontend(io, {
      listener: listenerFrom(settings, "submission"),
      snapshot: snapshotFrom(settings),
      hostname: "h",
      sessionId: "s",
    });
    const login = await front.nextLogin();
    return { login, lines: stream.written.split("\r\n").slice(0, -1) };
  };
  const claims: ClaimedClient[] = [];
  const trusted = await session((claim) => void claims.push(claim));
  assert.equal(trusted.login, null);
  assert.deepEqual(claims, [{ address: "2001:db8::1", port: 99, ttl: 3 }]);
  assert.ok(trusted.lines.includes("250-XCLIENT ADDR PORT SESSION TTL"));
  assert.deepEqual(codes(trusted.lines), ["250", "220", "503", "501"]);
  const other = await session(null);
  assert.notEqual(other.login, null);
  assert.ok(!other.lines.some((line) => line.includes("XCLIENT")));
  assert.deepEqual(codes(other.lines), ["250", "503"]);
});

Deno.test("a dialogue cut at any byte, or read in any pieces, never fails otherwise", async () => {
  const random = new SeededRandom(17);
  const whole = "EHLO c.example\r\nAUTH LOGIN\r\ndQ==\r\ncA==\r\n";
  for (let end = 0; end < whole.length; end++) {
    assert.deepEqual((await speak(whole.slice(0, end))).logins, []);
  }
  for (let round = 0; round < 20; round++) {
    const pieces = () => 1 + random.below(7);
    assert.deepEqual((await speak(whole, pieces)).logins, ["LOGIN||u|p"]);
  }
});

Deno.test("random commands are answered with one reply each, and never log in by accident", async () => {
  const random = new SeededRandom(23);
  const words = [
    ..."EHLO HELO AUTH PLAIN LOGIN = * c STARTTLS MAIL DATA NOOP QUITX".split(
      " ",
    ),
    "\r",
    "\n",
    "\0",
    "\xff",
    "AUTH PLAIN ====",
    "  ",
  ];
  for (let round = 0; round < 300; round++) {
    let input = "";
    for (let word = 0; word < 12; word++) {
      input += words[random.below(words.length)]! +
        (random.below(3) === 0 ? "\r\n" : " ");
    }
    const { logins, end, lines } = await speak(bytes(input));
    assert.deepEqual(logins, [], JSON.stringify(input));
    assert.ok(end === "gone" || end === "line", end);
    for (const line of lines) assert.match(line, /^[2-5]\d\d[ -]/);
  }
});
