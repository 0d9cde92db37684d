import assert from "node:assert/strict";
import { listener } from "../../tests/support/data_plane.ts";
import { packRanges } from "../net/cidr.ts";
import { isRefusedAtOnce, isWelcome } from "./access.ts";

const office = packRanges(["192.0.2.0/24"]);
const home = packRanges(["198.51.100.7", "2001:db8::/32"]);
const everybody = packRanges(["0.0.0.0/0", "::/0"]);
const nobody = packRanges([]);

Deno.test("isWelcome: deny wins over allow", () => {
  const welcome = (address: string, lists: object) =>
    isWelcome(listener(1, lists), address);
  assert.equal(welcome("192.0.2.1", {}), true);
  assert.equal(welcome("192.0.2.1", { allow: [home, office] }), true);
  assert.equal(welcome("2001:db8::1", { allow: [office, home] }), true);
  assert.equal(welcome("203.0.113.1", { allow: [office, home] }), false);
  assert.equal(welcome("192.0.2.1", { allow: [nobody] }), false);
  assert.equal(welcome("192.0.2.1", { deny: [home] }), true);
  assert.equal(welcome("192.0.2.1", { deny: [nobody, office] }), false);
  const both = { allow: [everybody], deny: [office] };
  assert.equal(welcome("192.0.2.1", both), false);
  assert.equal(welcome("192.0.3.1", both), true);
});

Deno.test("isRefusedAtOnce waits for the PROXY header of a peer that may send one", () => {
  const lists = { allow: [office], proxyTrusted: [home] };
  const refused = (peer: string, proxyProtocol: "off" | "optional") =>
    isRefusedAtOnce(listener(1, { ...lists, proxyProtocol }), peer);
  assert.equal(refused("198.51.100.7", "optional"), false);
  assert.equal(refused("198.51.100.8", "optional"), true);
  assert.equal(refused("198.51.100.7", "off"), true);
  assert.equal(refused("192.0.2.1", "off"), false);
});
