import assert from "node:assert/strict";
import { within } from "../../tests/support/wait.ts";
import { close } from "./bridge.ts";
import { writeAll } from "./byte_stream.ts";
import { libc } from "./libc.ts";
import { listenUnix, pathState, type SocketOwner } from "./unix_socket.ts";

// Loaded once for the process, not by the first test that needs it.
libc();

const OWN: SocketOwner = { mode: 0o660, uid: null, gid: null };

/** A folder, and a socket in it that greets whoever connects. */
async function withSocket(
  test: (path: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/s`, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function greeter(path: string, greeting: string, owner = OWN) {
  return listenUnix(path, owner, (connection) => {
    // Whoever only looks whether the socket is live has gone by now.
    writeAll(connection, new TextEncoder().encode(greeting)).catch(() => {})
      .finally(() => connection.close());
  });
}

async function greeting(path: string): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path });
  const text = new Uint8Array(10);
  return new TextDecoder().decode(
    text.subarray(0, await connection.read(text) ?? 0),
  );
}

Deno.test("listenUnix is at its path with its mode from the moment it is placed", () =>
  withSocket(async (path, folder) => {
    const umask = Deno.umask();
    const socket = greeter(path, "a", { ...OWN, mode: 0o600 });
    assert.equal(await pathState(path), "free");
    socket.place();
    assert.equal(Deno.lstatSync(path).mode! & 0o777, 0o600);
    assert.equal(Deno.umask(), umask);
    assert.equal(await greeting(path), "a");
    assert.equal(await pathState(path), "live");
    socket.close();
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("listenUnix takes the place of another, which leaves the file of its successor alone", () =>
  withSocket(async (path, folder) => {
    const first = greeter(path, "first");
    first.place();
    const second = greeter(path, "second");
    assert.equal(await greeting(path), "first");
    second.place();
    first.close();
    assert.equal(await greeting(path), "second");
    greeter(path, "third").close();
    assert.equal(await greeting(path), "second");
    second.close();
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("pathState tells a socket that was left behind from a live one and from other files", () =>
  withSocket(async (path) => {
    assert.equal(await pathState(path), "free");
    const listener = Deno.listen({ transport: "unix", path: `${path}0` });
    await Deno.rename(`${path}0`, path);
    assert.equal(await pathState(path), "live");
    listener.close();
    assert.equal(await pathState(path), "stale");
    await Deno.remove(path);
    await Deno.writeTextFile(path, "precious");
    assert.equal(await pathState(path), "other");
  }));

Deno.test("close ends a write to a peer on a UNIX socket that does not read", () =>
  withSocket(async (path) => {
    const accepted: Deno.UnixConn[] = [];
    const both = Promise.withResolvers<void>();
    const socket = listenUnix(path, OWN, (connection) => {
      if (accepted.push(connection) === 2) both.resolve();
    });
    socket.place();
    using _silent = await Deno.connect({ transport: "unix", path });
    using reader = await Deno.connect({ transport: "unix", path });
    await both.promise;
    const [first, second] = accepted;
    // As much as the system takes; what follows has to wait.
    await first!.write(new Uint8Array(8 << 20));
    const writing = writeAll(first!, new Uint8Array(1000));
    const failed = assert.rejects(writing);
    close(first!);
    await within("the end of the write", failed);
    // The other connection is as it was.
    await second!.write(new Uint8Array(3));
    assert.equal(await reader.read(new Uint8Array(9)), 3);
    second!.close();
    socket.close();
  }));
