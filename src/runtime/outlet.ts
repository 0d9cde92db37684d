import { close } from "../net/bridge.ts";
import { writeAll } from "../net/byte_stream.ts";
import { shutDown } from "../net/shut_down.ts";

/** How much is written in one go; a client that takes it slowly has the time limit for each. */
const CHUNK = 64 * 1024;
/** Which of a UNIX socket's connections was shut down cannot be told: until it was this one, again. */
const AGAIN_MS = 500;

/** The client does not read, or has gone. */
export class Unread extends Error {
  override readonly name = "Unread";
}

/** Where answers go. A client that does not read for `limit` ms is dropped. */
export class Outlet {
  readonly #encoder = new TextEncoder();

  constructor(private readonly connection: Deno.Conn) {}

  /** Throws Unread; the connection is closed then. */
  async write(text: string, limit: number): Promise<void> {
    const bytes = this.#encoder.encode(text);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      await this.#writeSoon(bytes.subarray(at, at + CHUNK), limit);
    }
  }

  async #writeSoon(bytes: Uint8Array, limit: number): Promise<void> {
    const { connection } = this;
    const { remoteAddr, localAddr } = connection;
    let again: ReturnType<typeof setInterval> | undefined;
    const late = setTimeout(() => {
      close(connection);
      again = setInterval(
        () => shutDown({ remoteAddr, localAddr } as never),
        AGAIN_MS,
      );
    }, limit);
    try {
      await writeAll(connection, bytes);
    } catch {
      throw new Unread();
    } finally {
      clearTimeout(late);
      clearInterval(again);
    }
  }
}
