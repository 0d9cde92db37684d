import assert from "node:assert/strict";
import {
  canonicalAddress,
  formatAddress,
  formatEndpoint,
  isAddress,
  parseAddress,
} from "./address.ts";

Deno.test("parseAddress reads every form of RFC 4291 2.2", () => {
  const cases: [string, string][] = [
    ["192.0.2.1", "c0000201"],
    ["0.0.0.0", "00000000"],
    ["255.255.255.255", "ffffffff"],
    ["::", "0".repeat(32)],
    ["::1", "0".repeat(31) + "1"],
    ["2001:db8::8:800:200C:417A", "20010db80000000000080800200c417a"],
    ["2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a"],
    ["FF01::101", "ff010000000000000000000000000101"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
    ["::13.1.68.3", "0".repeat(24) + "0d014403"],
    ["::ffff:129.144.52.38", "81903426"],
    ["::FFFF:8190:3426", "81903426"],
    ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
  ];
  for (const [text, hex] of cases) {
    assert.equal(parseAddress(text).toHex(), hex, text);
    assert.equal(isAddress(text), true, text);
  }
});

Deno.test("parseAddress refuses everything else", () => {
  const wrong = [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4 ",
    "+1.2.3.4",
    "1.2.3.0x4",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "::1.2.3",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "fe80::1%eth0",
    "[::1]",
    " ::1",
  ];
  for (const text of wrong) {
    assert.equal(isAddress(text), false, text);
    assert.throws(() => parseAddress(text), RangeError, text);
  }
});

Deno.test("canonicalAddress writes mapped addresses as IPv4 and leaves others", () => {
  assert.equal(canonicalAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(canonicalAddress("::ffff:c000:201"), "192.0.2.1");
  assert.equal(canonicalAddress("192.0.2.1"), "192.0.2.1");
  assert.equal(canonicalAddress("2001:db8::1"), "2001:db8::1");
});

Deno.test("formatAddress writes the form of RFC 5952 and mapped addresses as IPv4", () => {
  const cases: [string, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8::", "2001:db8::"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ];
  for (const [text, expected] of cases) {
    assert.equal(formatAddress(parseAddress(text)), expected);
  }
});

Deno.test("formatEndpoint puts IPv6 in brackets", () => {
  assert.equal(formatEndpoint("192.0.2.1", 993), "192.0.2.1:993");
  assert.equal(formatEndpoint("2001:db8::1", 993), "[2001:db8::1]:993");
});
