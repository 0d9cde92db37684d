import assert from "node:assert/strict";
import { nearest } from "./nearest.ts";

const KEYS = ["threads", "hostname", "bridge_idle", "port", "tls"];

Deno.test("nearest finds what was meant", () => {
  assert.equal(nearest("thread", KEYS), "threads");
  assert.equal(nearest("hsotname", KEYS), "hostname");
  assert.equal(nearest("bridge-idle", KEYS), "bridge_idle");
  assert.equal(nearest("TLS", KEYS), "tls");
});

Deno.test("nearest is silent about strangers", () => {
  assert.equal(nearest("xyz", KEYS), null);
  assert.equal(nearest("completely_different", KEYS), null);
  assert.equal(nearest("a".repeat(10_000), KEYS), null);
});
