/** PLAIN, OAUTHBEARER, XOAUTH2: what decodes, what does not, and that encoding is the inverse. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/random.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { decodeOauthBearer, decodeXoauth2 } from "./bearer.ts";
import type { Credentials } from "./credentials.ts";
import { encodeLogin } from "./login.ts";
import {
  passwordCredentials,
  passwordCredentialsFromBytes,
} from "./password.ts";
import { decodePlain, encodePlain } from "./plain.ts";
import { encodeOauthBearer, encodeXoauth2 } from "./testing.ts";
import { decodeUtf8, encodeUtf8 } from "./text.ts";

const TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

/** The readable part of credentials. */
function shown(credentials: Credentials | null): unknown {
  if (credentials === null) return null;
  return credentials.kind === "password"
    ? [credentials.authzid, credentials.authcid, credentials.password.reveal()]
    : [credentials.mechanism, credentials.user, credentials.token.reveal()];
}

const plain = (text: string) => shown(decodePlain(encodeUtf8(text)));
const oauth = (text: string) => shown(decodeOauthBearer(encodeUtf8(text)));
const xoauth2 = (text: string) => shown(decodeXoauth2(encodeUtf8(text)));

Deno.test("decodePlain reads the examples of RFC 4616 section 4", () => {
  assert.deepEqual(plain("\0tim\0tanstaaftanstaaf"), [
    "",
    "tim",
    "tanstaaftanstaaf",
  ]);
  assert.deepEqual(plain("Ursel\0Kurt\0xipj3plmq"), [
    "Ursel",
    "Kurt",
    "xipj3plmq",
  ]);
});

Deno.test("decodePlain refuses other than three fields, line ends and what is not UTF-8", () => {
  const wrong = [
    "",
    "\0",
    "tim",
    "\0tim",
    "tim\0pw\0x\0y",
    "\0\0\0\0",
    "\0tim\0p\rw",
    "\0ti\nm\0pw",
    "\r\0tim\0pw",
  ];
  for (const text of wrong) {
    assert.equal(plain(text), null, JSON.stringify(text));
  }
  assert.equal(decodePlain(Uint8Array.of(0, 0xff, 0, 0x61)), null);
  // What only makes an impossible identifier is judged where identifiers are.
  assert.deepEqual(plain("\0\0pw"), ["", "", "pw"]);
  assert.deepEqual(plain("\0a\tb\0pw"), ["", "a\tb", "pw"]);
});

Deno.test("encodePlain is the inverse of decodePlain, a byte order mark included", () => {
  for (const text of ["\0tim\0pw", "a\0b\0c", "\0jürg\0\ufeffpä😀", "\0x\0"]) {
    const credentials = decodePlain(encodeUtf8(text));
    assert.equal(decodeUtf8(encodePlain(credentials!)), text);
  }
});

Deno.test("passwordCredentials cannot be rewritten into further fields of PLAIN", () => {
  assert.equal(passwordCredentials("alice\0root", "pw"), null);
  assert.equal(passwordCredentials("alice", "pw\0x"), null);
  assert.equal(passwordCredentials("alice", "pw", "bob\0"), null);
  assert.equal(
    passwordCredentialsFromBytes(Uint8Array.of(0xc3, 0x28), encodeUtf8("pw")),
    null,
  );
  const credentials = passwordCredentials("alice", "pw");
  assert.deepEqual(
    encodeLogin(credentials!).map((answer) => decodeUtf8(answer)),
    ["alice", "pw"],
  );
});

Deno.test("decodeOauthBearer reads the examples of RFC 7628 section 4", () => {
  // 4.1 for IMAP, 4.2's message with the SMTP port, 4.3 with an empty authorization.
  const imap =
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB";
  const pairs = { host: "server.example.com", port: "143" };
  assert.equal(
    encodeBase64(encodeOauthBearer("user@example.com", TOKEN, pairs)),
    imap,
  );
  const credentials = decodeOauthBearer(decodeBase64(imap)!);
  assert.deepEqual(shown(credentials), [
    "OAUTHBEARER",
    "user@example.com",
    TOKEN,
  ]);
  assert.equal(credentials!.response.reveal(), decodeUtf8(decodeBase64(imap)!));
  const head = "n,a=user@example.com,\x01host=server.example.com\x01";
  assert.deepEqual(oauth(`${head}port=587\x01auth=Bearer ${TOKEN}\x01\x01`), [
    "OAUTHBEARER",
    "user@example.com",
    TOKEN,
  ]);
  assert.deepEqual(oauth(`${head}port=143\x01auth=\x01\x01`), [
    "OAUTHBEARER",
    "user@example.com",
    "",
  ]);
});

Deno.test("decodeOauthBearer follows the GS2 header of RFC 5801", () => {
  const rest = "\x01auth=bearer  tok\x01\x01";
  assert.deepEqual(oauth(`n,,${rest}`), ["OAUTHBEARER", "", "tok"]);
  assert.deepEqual(oauth(`y,a=a=2Cb=3Dc,${rest}`), [
    "OAUTHBEARER",
    "a,b=c",
    "tok",
  ]);
  assert.deepEqual(oauth(`n,a=jürg@example.com,${rest}`), [
    "OAUTHBEARER",
    "jürg@example.com",
    "tok",
  ]);
  for (
    const header of [
      "",
      "n",
      "n,",
      "n,a=x",
      "p=tls-unique,,",
      "x,,",
      "n,b=x,",
      "n,a=x=2c,",
      "n,a=x=,",
      "n,a=x,y,",
    ]
  ) {
    assert.equal(oauth(`${header}${rest}`), null, header);
  }
});

Deno.test("bearer messages with doubled, missing or malformed pairs are refused", () => {
  const wrong = [
    "",
    "\x01",
    "auth=Bearer tok",
    "auth=Bearer tok\x01",
    "auth=Bearer tok\x01\x01\x01",
    "host=x\x01\x01",
    "auth=Bearer tok\x01auth=Bearer other\x01\x01",
    "auth=Bearer\x01\x01",
    "auth=Basic dXNlcg==\x01\x01",
    "auth=Bearer to k\x01\x01",
    "auth=Bearer tok\x01=x\x01\x01",
    "auth=Bearer tok\x01x\x01\x01",
    "auth=Bearer tok\x01a-b=x\x01\x01",
    "auth=Bearer tok\x01host=\0\x01\x01",
    "auth=Bearer tök\x01\x01",
  ];
  for (const pairs of wrong) {
    assert.equal(xoauth2(pairs), null, JSON.stringify(pairs));
    assert.equal(oauth(`n,,\x01${pairs}`), null, JSON.stringify(pairs));
  }
  assert.equal(xoauth2("user=a\x01user=b\x01auth=Bearer tok\x01\x01"), null);
});

Deno.test("decodeXoauth2 reads the documented example, and messages without a user", () => {
  const example =
    "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==";
  const token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
  assert.deepEqual(shown(decodeXoauth2(decodeBase64(example)!)), [
    "XOAUTH2",
    "someuser@example.com",
    token,
  ]);
  assert.equal(
    encodeBase64(encodeXoauth2("someuser@example.com", token)),
    example,
  );
  assert.deepEqual(shown(decodeXoauth2(encodeXoauth2("", "tok"))), [
    "XOAUTH2",
    "",
    "tok",
  ]);
});

Deno.test("decoders give null, never an error, for truncated and random messages", () => {
  const random = new SeededRandom(7628);
  const whole = [
    encodeUtf8("Ursel\0Kurt\0xipj3plmq"),
    encodeOauthBearer("user@example.com", TOKEN, { host: "h", port: "1" }),
    encodeXoauth2("user@example.com", TOKEN),
  ];
  for (const message of whole) {
    for (let end = 0; end <= message.length; end++) {
      decodeAll(message.subarray(0, end));
    }
    for (let round = 0; round < 500; round++) {
      const changed = message.slice();
      changed[random.below(changed.length)] = random.below(256);
      decodeAll(changed);
    }
  }
  for (let round = 0; round < 500; round++) {
    decodeAll(
      Uint8Array.from(
        { length: random.below(60) },
        () => random.pick([0, 1, 44, 61, 97, 110, 255]),
      ),
    );
  }
});

/** What decodes must encode, or be replayed, as the very same bytes. */
function decodeAll(message: Uint8Array): void {
  const password = decodePlain(message);
  if (password !== null) assert.deepEqual(encodePlain(password), message);
  for (const token of [decodeOauthBearer(message), decodeXoauth2(message)]) {
    if (token !== null) {
      assert.deepEqual(encodeUtf8(token.response.reveal()), message);
    }
  }
}
