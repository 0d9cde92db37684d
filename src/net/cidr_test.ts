import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/random.ts";
import { formatAddress, parseAddress } from "./address.ts";
import {
  AddressRanges,
  canonicalRange,
  packRanges,
  rangesAround,
} from "./cidr.ts";

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

/** A range by the definition: the first bits are alike. */
function isIn(address: string, range: string): boolean {
  const bitsOf = (text: string) =>
    Array.from(parseAddress(text), (b) => b.toString(2).padStart(8, "0"))
      .join("");
  const [base = "", length] = canonicalRange(range).split("/");
  const [inner, outer] = [bitsOf(address), bitsOf(base)];
  return inner.length === outer.length &&
    inner.startsWith(
      outer.slice(0, length === undefined ? undefined : Number(length)),
    );
}

function randomAddress(random: SeededRandom): string {
  // Few different bytes, so that ranges meet.
  const bytes = Uint8Array.from(
    { length: random.below(2) === 0 ? 4 : 16 },
    () => [0, 1, 127, 128, 255][random.below(5)]!,
  );
  return formatAddress(bytes);
}

Deno.test("AddressRanges.contains agrees with the bits of each of many ranges", () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 200; round++) {
    const ranges = Array.from({ length: random.below(30) }, () => {
      const address = randomAddress(random);
      const wide = address.includes(":") ? 128 : 32;
      const bits = wide - random.below(random.below(2) === 0 ? 9 : wide + 1);
      return `${address}/${bits}`;
    });
    const packed = new AddressRanges(structuredClone(packRanges(ranges)));
    for (let i = 0; i < 40; i++) {
      const address = randomAddress(random);
      assert.equal(
        packed.contains(address),
        ranges.some((range) => isIn(address, range)),
        `${address} in ${ranges.join(" ")}`,
      );
    }
  }
});

Deno.test("AddressRanges finds one of a hundred thousand ranges in a few steps", () => {
  const ranges = Array.from(
    { length: 100_000 },
    (_, i) => `10.${i >> 12 & 255}.${i >> 4 & 255}.${(i & 15) << 4}/29`,
  );
  const packed = packRanges(ranges);
  assert.equal(packed.four.length, 200_000);
  // Every other /29 is there. Looked up one by one these would take minutes.
  const all = new AddressRanges(packed);
  let inside = 0;
  for (let i = 0; i < 200_000; i++) {
    const address = `10.${i >> 13 & 255}.${i >> 5 & 255}.${(i & 31) << 3}`;
    if (all.contains(address)) inside++;
  }
  assert.equal(inside, 100_000);
});

Deno.test("canonicalRange writes what is the same range alike", () => {
  const cases: [string, string][] = [
    ["192.0.2.7/24", "192.0.2.0/24"],
    ["192.0.2.7/32", "192.0.2.7"],
    ["192.0.2.7", "192.0.2.7"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:DB8:0:0::1/32", "2001:db8::/32"],
    ["2001:db8::1/128", "2001:db8::1"],
    ["::ffff:10.1.2.3/104", "10.0.0.0/8"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::ffff:0:0/90", "::ffc0:0:0/90"],
  ];
  for (const [given, written] of cases) {
    assert.equal(canonicalRange(given), written);
    assert.equal(canonicalRange(written), written);
  }
});

Deno.test("rangesAround names the ranges that an address is in", () => {
  const four = [...rangesAround("192.0.2.255")];
  assert.equal(four.length, 33);
  assert.equal(four[0], "192.0.2.255");
  assert.equal(four[1], "192.0.2.254/31");
  assert.equal(four[32], "0.0.0.0/0");
  assert.equal([...rangesAround("2001:db8::1")].at(-33), "2001:db8::/32");
});
