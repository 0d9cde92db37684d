import assert from "node:assert/strict";
import type { ForwardedClient } from "./protocol.ts";
import {
  forwardBeforeLogin,
  readXclient,
  xclientCommands,
  xtext,
} from "./xclient.ts";

const FORWARDED: ForwardedClient = {
  sessionId: "01S",
  client: { hostname: "192.0.2.1", port: 4711 },
  local: { hostname: "198.51.100.1", port: 587 },
  secure: true,
  ttl: 4,
};
const HELLO = { name: "client.test", extended: true };
const ALL = new Set(
  "ADDR PORT DESTADDR DESTPORT SESSION TTL HELO PROTO LOGIN CLIENT-TRANSPORT NAME"
    .split(" "),
);

Deno.test("xclientCommands keeps the order, and never sends LOGIN", () => {
  assert.deepEqual(
    xclientCommands({ ...FORWARDED, hello: HELLO }, ALL),
    [
      "XCLIENT ADDR=192.0.2.1 PORT=4711 DESTADDR=198.51.100.1 DESTPORT=587 " +
      "SESSION=01S TTL=4 HELO=client.test PROTO=ESMTP",
    ],
  );
  assert.deepEqual(xclientCommands(FORWARDED, ALL), [
    "XCLIENT ADDR=192.0.2.1 PORT=4711 DESTADDR=198.51.100.1 DESTPORT=587 " +
    "SESSION=01S TTL=4 CLIENT-TRANSPORT=TLS",
  ]);
});

Deno.test("xclientCommands sends only what the backend lists", () => {
  const postfix = new Set(["NAME", "ADDR", "PROTO", "HELO", "LOGIN"]);
  const hello = { name: "client.test", extended: false };
  assert.deepEqual(xclientCommands({ ...FORWARDED, hello }, postfix), [
    "XCLIENT ADDR=192.0.2.1 HELO=client.test PROTO=SMTP",
  ]);
  assert.deepEqual(
    xclientCommands(
      { ...FORWARDED, hello: { ...hello, name: null } },
      postfix,
    ),
    ["XCLIENT ADDR=192.0.2.1 PROTO=SMTP"],
  );
  assert.deepEqual(xclientCommands(FORWARDED, new Set()), []);
  assert.deepEqual(xclientCommands(FORWARDED, new Set(["LOGIN"])), []);
});

Deno.test("xclientCommands tags IPv6 addresses", () => {
  const v6 = { ...FORWARDED, client: { hostname: "2001:db8::1", port: 1 } };
  assert.deepEqual(xclientCommands(v6, new Set(["ADDR", "DESTADDR"])), [
    "XCLIENT ADDR=IPV6:2001:db8::1 DESTADDR=198.51.100.1",
  ]);
});

Deno.test("xclientCommands splits what is longer than a command line", () => {
  const hello = { name: "h".repeat(470), extended: true };
  const commands = xclientCommands({ ...FORWARDED, hello }, ALL);
  assert.deepEqual(commands.slice(1), [
    `XCLIENT HELO=${hello.name} PROTO=ESMTP`,
  ]);
  assert.ok(commands.every((command) => command.length + 2 <= 512));
});

Deno.test("xclientCommands leaves out a value that no command line holds", () => {
  const hello = { name: "h".repeat(600), extended: true };
  const commands = xclientCommands({ ...FORWARDED, hello }, ALL);
  assert.equal(commands.length, 1);
  assert.ok(!commands[0]?.includes("HELO"));
});

Deno.test("xtext encodes all but printable ASCII, + and = too", () => {
  assert.equal(xtext("a+b=c d"), "a+2Bb+3Dc+20d");
  assert.equal(xtext("é\r\n\0"), "+C3+A9+0D+0A+00");
  assert.equal(xtext("[192.0.2.1]"), "[192.0.2.1]");
});

Deno.test("forwardBeforeLogin tries an IPv6 address with its tag, then without, and tells the last refusal", async () => {
  const sent: string[] = [];
  const send = (taken: (command: string) => boolean) => (command: string) => {
    sent.push(command);
    return Promise.resolve(taken(command) ? null : `no to ${sent.length}`);
  };
  const six = { ...FORWARDED, client: { hostname: "2001:db8::1", port: 1 } };
  const only = new Set(["ADDR"]);
  const bare = send((command) => !command.includes("IPV6:"));
  assert.equal(await forwardBeforeLogin(six, only, bare), null);
  assert.deepEqual(sent.splice(0), [
    "XCLIENT ADDR=IPV6:2001:db8::1",
    "XCLIENT ADDR=2001:db8::1",
  ]);
  assert.equal(await forwardBeforeLogin(six, only, send(() => true)), null);
  assert.equal(sent.splice(0).length, 1);
  const never = send(() => false);
  assert.equal(await forwardBeforeLogin(six, only, never), "no to 2");
  sent.length = 0;
  assert.equal(await forwardBeforeLogin(FORWARDED, only, never), "no to 1");
  assert.equal(await forwardBeforeLogin(six, new Set(), never), null);
});

Deno.test("readXclient reads what xclientCommands writes, and Dovecot's form of an IPv6 address", () => {
  const [command = ""] = xclientCommands(
    { ...FORWARDED, sessionId: "a+b=c" },
    ALL,
  );
  const claim = { address: "192.0.2.1", port: 4711, ttl: 4 };
  assert.deepEqual(readXclient(command.split(" ").slice(1)), {
    ...claim,
    sessionId: "a+b=c",
  });
  for (const form of ["ADDR=IPV6:2001:db8::1", "addr=2001:db8::1"]) {
    assert.deepEqual(readXclient([form]), { address: "2001:db8::1" });
  }
});

Deno.test("readXclient passes over what it does not know and refuses what has no form", () => {
  assert.deepEqual(
    readXclient(["ADDR=[UNAVAILABLE]", "LOGIN=root", "PORT=x", "TTL=", "X="]),
    {},
  );
  for (const word of ["", "ADDR", "=x", "ADDR=a=b", "ADDR=+2", "ADDR=+0A"]) {
    assert.equal(readXclient([word]), null, word);
  }
});
