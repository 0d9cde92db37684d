import assert from "node:assert/strict";
import { listener } from "../../tests/support/data_plane.ts";
import { MemoryStream } from "../../tests/support/memory_stream.ts";
import type { BackendLeg } from "../protocols/backend_leg.ts";
import { Attempt } from "./attempt.ts";
import { ClientLeg } from "./client_leg.ts";
import { Session, SessionTable } from "./session.ts";

const ADDRESS = { hostname: "127.0.0.1", port: 1 };

function session(id: string) {
  const closed: string[] = [];
  const stream = new MemoryStream(new Uint8Array(0));
  stream.close = () => void closed.push("client");
  const made = new Session(
    id,
    listener(1),
    ADDRESS,
    ADDRESS,
    new ClientLeg(stream),
  );
  return { session: made, closed };
}

Deno.test("SessionTable finds sessions by id and account, and leaves nothing behind", () => {
  const table = new SessionTable();
  const [a, b, c] = ["a", "b", "c"].map((id) => session(id).session);
  for (const each of [a!, b!, c!]) table.add(each);
  table.identify(a!, "alice");
  table.identify(b!, "alice");
  table.identify(b!, "alice");
  table.identify(c!, "carol");
  assert.deepEqual([...table.ofAccount("alice")], [a, b]);
  assert.deepEqual([...table.ofAccount("nobody")], []);
  table.identify(b!, "bob");
  assert.deepEqual([...table.ofAccount("alice")], [a]);
  assert.deepEqual([...table.ofAccount("bob")], [b]);
  table.identify(b!, null);
  assert.deepEqual([...table.ofAccount("bob")], []);
  assert.equal(table.get("b"), b);
  for (const each of [a!, b!, c!]) table.remove(each);
  assert.equal(table.size, 0);
  assert.deepEqual([...table.ofAccount("alice")], []);
  assert.equal(a!.account, null);
});

Deno.test("Session.mark keeps the first reason", () => {
  const { session: s } = session("s");
  s.mark("kicked", "by hand");
  s.mark("client-closed", "later");
  assert.equal(s.ended, "kicked");
  assert.equal(s.detail, "by hand");
});

Deno.test("Session.end closes both connections, or cancels the login under way", () => {
  const bridged = session("s");
  bridged.session.backend = {
    close: () => void bridged.closed.push("backend"),
  } as BackendLeg;
  bridged.session.end("kicked");
  assert.deepEqual(bridged.closed, ["client", "backend"]);

  const trying = session("t");
  trying.session.attempt = new Attempt();
  trying.session.end("kicked");
  assert.deepEqual(trying.closed, [], "the client has an answer to get");
  assert.equal(trying.session.attempt.cancelled?.reason, "kicked");
  assert.equal(trying.session.ended, "kicked");
});
