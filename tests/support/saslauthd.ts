/** What Cyrus SASL asks whether a password is right: saslauthd's side of its UNIX socket. */

export interface SaslLogin {
  readonly user: string;
  readonly accepted: boolean;
}

/** Everybody has the one password. */
export class SaslAuthd implements AsyncDisposable {
  readonly #logins: SaslLogin[] = [];
  readonly #serving: Promise<void>;

  private constructor(
    private readonly listener: Deno.UnixListener,
    private readonly password: string,
  ) {
    this.#serving = this.#serve();
  }

  static start(path: string, password: string): SaslAuthd {
    const listener = Deno.listen({ transport: "unix", path });
    // The server that asks runs under a user of its own.
    Deno.chmodSync(path, 0o666);
    return new SaslAuthd(listener, password);
  }

  /** Those who asked, oldest first. */
  get logins(): readonly SaslLogin[] {
    return this.#logins;
  }

  async #serve(): Promise<void> {
    for await (const conn of this.listener) {
      try {
        await this.#answer(conn);
      } catch {
        // Whoever asked has ended in the middle of it.
      } finally {
        conn.close();
      }
    }
  }

  /** User, password, service and realm, each behind its length in two octets; the answer likewise. */
  async #answer(conn: Deno.Conn): Promise<void> {
    const fields: string[] = [];
    while (fields.length < 4) {
      const [high, low] = await exactly(conn, 2);
      const field = await exactly(conn, (high! << 8) | low!);
      fields.push(new TextDecoder().decode(field));
    }
    const [user, password, , realm] = fields;
    const accepted = password === this.password;
    this.#logins.push({ user: realm ? `${user}@${realm}` : user!, accepted });
    const answer = new TextEncoder().encode(accepted ? "OK" : "NO");
    await conn.write(new Uint8Array([0, answer.length, ...answer]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    await this.#serving;
  }
}

async function exactly(conn: Deno.Conn, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let got = 0; got < size;) {
    const count = await conn.read(bytes.subarray(got));
    if (count === null) throw new Error("the question ended in the middle");
    got += count;
  }
  return bytes;
}
