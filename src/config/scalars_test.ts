import assert from "node:assert/strict";
import {
  endpoint,
  formatDuration,
  isCidr,
  isHost,
  parseDuration,
  parseEndpoint,
} from "./scalars.ts";

Deno.test("parseDuration takes a whole number and a unit", () => {
  assert.deepEqual(
    ["200ms", "10s", "5m", "2h", "1d", "0s"].map(parseDuration),
    [200, 10_000, 300_000, 7_200_000, 86_400_000, 0],
  );
});

Deno.test("parseDuration refuses everything else", () => {
  const wrong = [
    "",
    "10",
    "s",
    "10 s",
    " 10s",
    "-1s",
    "1.5s",
    "10S",
    "10sec",
    "1w",
    "99999999999999999999d",
    "999999999999999d",
  ];
  for (const text of wrong) assert.equal(parseDuration(text), null, text);
});

Deno.test("formatDuration is read back as the same time", () => {
  for (
    const ms of [0, 1, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000]
  ) {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }
});

Deno.test("parseEndpoint takes literal addresses, IPv6 in brackets", () => {
  assert.deepEqual(parseEndpoint("0.0.0.0:993"), {
    hostname: "0.0.0.0",
    port: 993,
  });
  assert.deepEqual(parseEndpoint("[::]:0"), { hostname: "::", port: 0 });
  assert.deepEqual(parseEndpoint("[2001:db8::1]:65535")?.port, 65535);
  const wrong = [
    "",
    "993",
    ":993",
    "localhost:993",
    "::1:993",
    "[127.0.0.1]:993",
    "1.2.3.4",
    "1.2.3.4:65536",
    "1.2.3.4:",
    "1.2.3:9",
    "[::1]993",
    "[::1]",
    "1.2.3.4:99x",
  ];
  for (const text of wrong) assert.equal(parseEndpoint(text), null, text);
});

Deno.test("endpoint says what it wants", () => {
  const result = endpoint().safeParse("here");
  assert.match(result.error!.issues[0]!.message, /IP address and a port/);
});

Deno.test("isCidr takes ranges and single addresses of both families", () => {
  for (
    const text of ["10.0.0.0/8", "192.0.2.1", "::/0", "2001:db8::/32", "::1"]
  ) {
    assert.ok(isCidr(text), text);
  }
  for (
    const text of [
      "",
      "10.0.0.0/33",
      "::/129",
      "10.0.0/8",
      "a/8",
      "10.0.0.0/",
      "fe80::1%eth0",
    ]
  ) {
    assert.ok(!isCidr(text), text);
  }
});

Deno.test("isHost takes names and addresses, not mistyped ones", () => {
  for (
    const text of [
      "mail.example.com",
      "a",
      "x_y.example",
      "10.0.0.1",
      "::1",
      "example.com.",
      "xn--bcher-kva.example",
    ]
  ) {
    assert.ok(isHost(text), text);
  }
  for (
    const text of [
      "",
      ".",
      "a..b",
      "-a.b",
      "10.0.0.256",
      "10.0.1",
      "[::1]",
      "a:25",
      "a b",
      "bücher.example",
      "http://a",
      `${"a".repeat(64)}.b`,
    ]
  ) {
    assert.ok(!isHost(text), text);
  }
});
