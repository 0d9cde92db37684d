import assert from "node:assert/strict";
import { clientUnit, showClientUnit } from "./client_unit.ts";

Deno.test("clientUnit takes an IPv4 address whole and an IPv6 address by its /64", () => {
  const cases: [string, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "20010db800010002/64"],
    ["2001:DB8:1:2::1", "20010db800010002/64"],
    ["2001:db8::1", "20010db800000000/64"],
    ["fe80::1%eth0", "fe80000000000000/64"],
    ["unknown", "unknown"],
  ];
  for (const [address, unit] of cases) {
    assert.equal(clientUnit(address), unit, address);
  }
});

Deno.test("showClientUnit writes a network as one, in a form that clientUnit takes for an address of it", () => {
  assert.equal(showClientUnit("192.0.2.1"), "192.0.2.1");
  assert.equal(showClientUnit("unknown"), "unknown");
  const shown = showClientUnit(clientUnit("2001:db8:0:1::7"));
  assert.equal(shown, "2001:db8:0:1::/64");
  assert.equal(clientUnit(shown), clientUnit("2001:db8:0:1::7"));
});
