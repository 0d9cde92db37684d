import assert from "node:assert/strict";
import { AddressRanges } from "./cidr.ts";

Deno.test("AddressRanges.contains goes by the bits of each range", () => {
  const cases: [string, string, boolean][] = [
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["192.0.2.128/25", "192.0.2.128", true],
    ["192.0.2.128/25", "192.0.2.127", false],
    ["192.0.2.130/25", "192.0.2.255", true],
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["2001:db8::/33", "2001:db8:8000::", false],
    ["::1", "::1", true],
    ["::/0", "2001:db8::1", true],
  ];
  for (const [range, address, expected] of cases) {
    const found = new AddressRanges([range]).contains(address);
    assert.equal(found, expected, `${address} in ${range}`);
  }
});

Deno.test("AddressRanges takes IPv4-mapped addresses for IPv4 ones, on either side", () => {
  const mixed = new AddressRanges(["::ffff:10.0.0.0/104", "192.0.2.0/24"]);
  for (const inside of ["10.1.2.3", "::ffff:10.1.2.3", "::ffff:c000:207"]) {
    assert.equal(mixed.contains(inside), true, inside);
  }
  assert.equal(mixed.contains("::ffff:11.0.0.1"), false);
  const six = new AddressRanges(["::/0"]);
  assert.equal(six.contains("192.0.2.1"), false);
  assert.equal(six.contains("::ffff:192.0.2.1"), false);
  assert.equal(new AddressRanges(["::ffff:0:0/90"]).contains("::1"), false);
});

Deno.test("AddressRanges finds nothing in no ranges, and no names in any", () => {
  assert.equal(new AddressRanges([]).contains("127.0.0.1"), false);
  const all = new AddressRanges(["0.0.0.0/0", "::/0"]);
  for (const text of ["", "localhost", "fe80::1%eth0"]) {
    assert.equal(all.contains(text), false, text);
  }
});

Deno.test("AddressRanges refuses what is no range", () => {
  for (const text of ["", "10.0.0.0/33", "::/129", "10.0.0.0/x", "a/8"]) {
    assert.throws(() => new AddressRanges([text]), RangeError, text);
  }
});
