import assert from "node:assert/strict";
import { BASE, configOf } from "../config/testing.ts";
import { BindError, bindNamed, Binds } from "./binds.ts";

/** The base configuration with these addresses of its listener, and more listeners behind. */
function config(binds: readonly string[], more = "") {
  const bind = binds.map((text) => `"${text}"`).join(", ");
  return configOf(BASE.replace('"127.0.0.1:1993"', bind) + more);
}

const SECOND = (bind: string) =>
  `\n[listener.other]\nprotocol = "imap"\nbind = ["${bind}"]\ntls = "implicit"\n`;

Deno.test("Binds.choose finds a port for 0 and keeps it over reloads", () => {
  const before = Binds.choose(config(["127.0.0.1:0"]), null);
  const [first] = before.of("imap");
  assert.notEqual(first!.port, 0);
  // The workers have it now.
  using worker = Deno.listen({ ...first!, reusePort: true });
  before.release();
  const after = Binds.choose(
    config(["127.0.0.1:0"], SECOND("127.0.0.1:0")),
    before,
  );
  assert.deepEqual(after.of("imap"), [first]);
  assert.notEqual(after.of("other")[0]!.port, worker.addr.port);
  assert.equal(after.all().length, 2);
  after.release();
});

Deno.test("Binds.choose names every address that cannot be bound, and lets go of the others", () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = `127.0.0.1:${other.addr.port}`;
  assert.throws(
    () =>
      Binds.choose(config(["127.0.0.1:0", taken], SECOND("192.0.2.1:0")), null),
    (error) =>
      error instanceof BindError &&
      error.message.startsWith(
        `listener imap: cannot bind ${taken}: address already in use; ` +
          "listener other: cannot bind 192.0.2.1:0: ",
      ),
  );
});

Deno.test("Binds.choose lets a reload change the address of a port that is its own", () => {
  const before = Binds.choose(config(["0.0.0.0:0"]), null);
  const { port } = before.of("imap")[0]!;
  using _worker = Deno.listen({ hostname: "0.0.0.0", port, reusePort: true });
  before.release();
  for (const address of ["[::]", "127.0.0.1"]) {
    const after = Binds.choose(config([`${address}:${port}`]), before);
    assert.equal(after.of("imap")[0]!.port, port);
    after.release();
  }
});

Deno.test("bindNamed says what could not be bound and why", () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  assert.throws(
    () =>
      bindNamed("admin", () => Deno.listen({ hostname: "127.0.0.1", port })),
    (error) =>
      error instanceof BindError &&
      error.message === "admin: address already in use",
  );
  assert.equal(bindNamed("admin", () => 7), 7);
});
