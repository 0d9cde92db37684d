import assert from "node:assert/strict";
import { Lockout } from "./lockout.ts";

function setUp() {
  const time = { now: 1000 };
  return { time, lockout: new Lockout(3, 60_000, () => time.now) };
}

Deno.test("Lockout refuses after the threshold and for the duration", () => {
  const { time, lockout } = setUp();
  assert.equal(lockout.failed("192.0.2.1"), false);
  assert.equal(lockout.failed("192.0.2.1"), false);
  assert.equal(lockout.remaining("192.0.2.1"), 0);
  assert.equal(lockout.failed("192.0.2.1"), true);
  assert.equal(lockout.remaining("192.0.2.1"), 60_000);
  assert.equal(lockout.remaining("192.0.2.2"), 0);
  time.now += 59_999;
  assert.equal(lockout.remaining("192.0.2.1"), 1);
  time.now += 1;
  assert.equal(lockout.remaining("192.0.2.1"), 0);
  assert.equal(lockout.failed("192.0.2.1"), false);
});

Deno.test("Lockout forgets failures after a success and after the duration", () => {
  const { time, lockout } = setUp();
  lockout.failed("192.0.2.1");
  lockout.failed("192.0.2.1");
  lockout.succeeded("192.0.2.1");
  assert.equal(lockout.failed("192.0.2.1"), false);
  lockout.failed("192.0.2.1");
  time.now += 60_000;
  assert.equal(lockout.failed("192.0.2.1"), false);
});

Deno.test("Lockout keeps a bounded number of addresses, the latest ones", () => {
  const { lockout } = setUp();
  for (let i = 0; i < 3; i++) lockout.failed("192.0.2.1");
  for (let i = 0; i < 10_000; i++) {
    lockout.failed(`10.0.${i >> 8}.${i & 255}`);
  }
  assert.equal(lockout.remaining("192.0.2.1"), 0);
  for (let i = 0; i < 2; i++) lockout.failed("10.0.39.15");
  assert.equal(lockout.remaining("10.0.39.15"), 60_000);
});

Deno.test("Lockout counts the addresses of an IPv6 /64 together", () => {
  const { lockout } = setUp();
  for (let i = 0; i < 3; i++) lockout.failed(`2001:db8::${i}`);
  assert.equal(lockout.remaining("2001:db8::ffff:1"), 60_000);
  assert.equal(lockout.remaining("2001:db8:0:1::1"), 0);
});
