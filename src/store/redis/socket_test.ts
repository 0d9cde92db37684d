import assert from "node:assert/strict";
import { once } from "node:events";
import { libc } from "../../net/libc.ts";
import { loopbackPair } from "../../net/loopback.ts";
import { SocketConnector } from "./connector.ts";
import { RedisSocket } from "./socket.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

Deno.test("RedisSocket writes in order what came while it wrote, and ends with its peer", async () => {
  const [near, far] = await loopbackPair();
  const socket = new RedisSocket(near);
  const large = "x".repeat(8_000_000);
  socket.write(large);
  socket.write("ä");
  socket.write(new Uint8Array([255]));
  const expected = [
    ...new TextEncoder().encode("ä"),
    255,
  ];
  const wanted = large.length + expected.length;
  const into = new Uint8Array(wanted);
  let count = 0;
  while (count < wanted) {
    count += await far.read(into.subarray(count)) ?? wanted;
  }
  assert.deepEqual([...into.subarray(large.length)], expected);
  const told = once(socket, "data");
  socket.resume();
  await far.write(new Uint8Array([1, 2]));
  assert.deepEqual([...(await told)[0]], [1, 2]);
  const closed = once(socket, "close");
  far.close();
  await closed;
  assert.equal(socket.writable, false);
});

Deno.test("SocketConnector fails with what the runtime says of a name, and with what ended it", async () => {
  const connector = (host: string) =>
    new SocketConnector(() => Promise.resolve({ host, port: 1 }), null);
  await assert.rejects(connector("no-such-host.invalid").connect(), {
    code: /ENOTFOUND|EAI_AGAIN/,
  });
  const unwanted = connector("127.0.0.1");
  const connecting = unwanted.connect();
  unwanted.disconnect();
  await assert.rejects(connecting, /not wanted any more/);
});
