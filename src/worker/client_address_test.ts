import assert from "node:assert/strict";
import { listener } from "../../tests/support/data_plane.ts";
import { MemoryStream } from "../../tests/support/memory_stream.ts";
import { packRanges } from "../net/cidr.ts";
import type { ClaimedClient } from "../protocols/protocol.ts";
import { adopt, mayClaim } from "./client_address.ts";
import { ClientLeg } from "./client_leg.ts";
import type { WorkerCore } from "./core.ts";
import { Session } from "./session.ts";

const PEER = { hostname: "192.0.2.1", port: 4000 };

function session(trusted: readonly string[]): Session {
  return new Session(
    "s1",
    listener(1, { proxyTrusted: [packRanges(trusted)] }),
    PEER,
    PEER,
    new ClientLeg(new MemoryStream(new Uint8Array(0))),
  );
}

/** The session after these claims, and what the registry was told last. */
function claimed(...claims: readonly ClaimedClient[]) {
  const told: unknown[] = [];
  const core = {
    reporter: { session: (event: unknown) => void told.push(event) },
  } as unknown as WorkerCore;
  const made = session([]);
  for (const claim of claims) adopt(core, made, claim);
  return { session: made, told: told.at(-1) };
}

Deno.test("adopt takes address, port, TTL and id, also from several commands", () => {
  const { session, told } = claimed(
    { address: "2001:DB8:0::7", ttl: 5 },
    { port: 40001, sessionId: "front-1" },
  );
  assert.deepEqual(session.client, { hostname: "2001:db8::7", port: 40001 });
  assert.equal(session.ttl, 5);
  assert.deepEqual(session.peer, PEER, "the connection's own end stays");
  assert.deepEqual(told, {
    kind: "change",
    id: "s1",
    peer: "[2001:db8::7]:40001",
    upstreamId: "front-1",
  });
  const mapped = claimed({ address: "::ffff:203.0.113.7" }).session.client;
  assert.equal(mapped.hostname, "203.0.113.7");
});

Deno.test("adopt passes over what cannot be meant", () => {
  const { session } = claimed(
    { address: "localhost", port: 65536, ttl: -1, sessionId: "" },
    { address: "", port: 1.5, ttl: NaN },
  );
  assert.deepEqual(session.client, PEER);
  assert.equal(session.ttl, null);
  assert.equal(session.upstreamId, null);
  const long = claimed({ sessionId: "x".repeat(1000) }).session.upstreamId;
  assert.equal(long, "x".repeat(128));
});

Deno.test("mayClaim asks for trust in whom the session is for", () => {
  assert.equal(mayClaim(session([])), false);
  const trusted = session(["192.0.2.0/24"]);
  assert.equal(mayClaim(trusted), true);
  trusted.client = { hostname: "203.0.113.7", port: 1 };
  assert.equal(mayClaim(trusted), false);
  const unnamed = session(["192.0.2.0/24"]);
  unnamed.unnamed = true;
  assert.equal(mayClaim(unnamed), false);
});
