import assert from "node:assert/strict";
import { openSqlStore } from "../../../tests/support/sql_store.ts";
import { until } from "../../../tests/support/wait.ts";

/** A server that would like TLS, and does not go on once it has begun. */
class Hanging implements AsyncDisposable {
  /** Connections that came, and those of them that ended. */
  begun = 0;
  ended = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;
  readonly #connections: Promise<void>[] = [];

  /** `greeting` comes unasked; `answer` follows the first words of the client. */
  constructor(greeting: readonly number[], answer: readonly number[]) {
    this.#accepting = this.#accept(greeting, answer);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#connections);
  }

  async #accept(greeting: readonly number[], answer: readonly number[]) {
    for await (const connection of this.#listener) {
      this.begun++;
      this.#connections.push(
        this.#hang(connection, greeting, answer).catch(() => {}).finally(() => {
          this.ended++;
          connection.close();
        }),
      );
    }
  }

  async #hang(
    connection: Deno.Conn,
    greeting: readonly number[],
    answer: readonly number[],
  ): Promise<void> {
    await connection.write(Uint8Array.from(greeting));
    const buffer = new Uint8Array(4096);
    await connection.read(buffer);
    await connection.write(Uint8Array.from(answer));
    while (await connection.read(buffer) !== null);
  }
}

/** Protocol::HandshakeV10 of MySQL, with TLS among what it offers. */
function greeting(): number[] {
  const payload = [
    10,
    ...new TextEncoder().encode("8.0.0\0"),
    ...[1, 0, 0, 0],
    ...Array(8).fill(7),
    0,
    ...[0x00, 0x8a],
    ...[45, 2, 0],
    ...[0x08, 0x00],
    21,
    ...Array(10).fill(0),
    ...Array(12).fill(7),
    0,
    ...new TextEncoder().encode("mysql_native_password\0"),
  ];
  return [payload.length, 0, 0, 0, ...payload];
}

for (
  const [name, hello, answer, query] of [
    ["postgres", [], [83], "SELECT destination FROM t WHERE i = $1"],
    ["mysql", greeting(), [], "SELECT destination FROM t WHERE i = ?"],
  ] as const
) {
  Deno.test({
    name:
      `a server of ${name} that hangs in its TLS handshake keeps no connection of those that gave up`,
    // What shuts a connection down is a library that stays loaded.
    sanitizeResources: false,
    async fn() {
      await using server = new Hanging(hello, answer);
      await using opened = await openSqlStore({
        url:
          `${name}://user:secret@127.0.0.1:${server.port}/mail?sslmode=require`,
        queries: { query },
        timeout: 100,
      });
      assert.equal(opened.store.health().serving, false);
      await until("other attempts", () => server.begun > 3);
      await until("the end of those before", () => server.ended > 2);
      await opened.store.close();
      await until("the end of all", () => server.ended === server.begun);
    },
  });
}
