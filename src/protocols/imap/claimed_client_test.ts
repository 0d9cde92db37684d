import assert from "node:assert/strict";
import { speak } from "../../../tests/support/one_sided.ts";
import { claimedClient } from "./claimed_client.ts";
import { imap } from "./imap.ts";

const fields = (values: Record<string, string | null>) =>
  new Map(
    Object.entries(values).map(([name, value]) => [
      name,
      value === null ? null : new TextEncoder().encode(value),
    ]),
  );

Deno.test("claimedClient takes the fields that a proxy sends and passes over others", () => {
  const all = fields({
    "name": "mailferry",
    "x-originating-ip": "2001:db8::7",
    "x-originating-port": "4000",
    "x-connected-ip": "192.0.2.1",
    "x-proxy-ttl": "6",
    "x-session-id": "k3v9",
  });
  assert.deepEqual(claimedClient(all), {
    address: "2001:db8::7",
    port: 4000,
    ttl: 6,
    sessionId: "k3v9",
  });
  assert.deepEqual(claimedClient(new Map()), {});
});

Deno.test("claimedClient passes over values that cannot be meant", () => {
  for (const value of [null, "", "-1", "1.5", "0x10", "99999999999", " 6"]) {
    const claim = claimedClient(
      fields({ "x-originating-port": value, "x-proxy-ttl": value }),
    );
    assert.deepEqual(claim, {}, String(value));
  }
  assert.equal(claimedClient(fields({ "x-proxy-ttl": "0" })).ttl, 0);
});

Deno.test("ID with fields of a proxy is answered like any other to whom is not trusted", async () => {
  const { lines, failures } = await speak(
    imap,
    'a ID ("x-originating-ip" "192.0.2.1" "x-proxy-ttl" NIL)\r\n',
  );
  assert.match(lines.at(-1)!, /^a OK /);
  assert.equal(failures, 0);
});
