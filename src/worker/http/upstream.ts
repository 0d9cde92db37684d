import type { LegSnapshot } from "../../port/snapshot.ts";
import type { BackendLeg } from "../../protocols/backend_leg.ts";

/** The one connection to a backend that a client's requests go over, one after the other. */
export class Upstream {
  #leg: LegSnapshot | null = null;
  #connection: BackendLeg | null = null;
  #busy = false;

  /** Where the last request went; null before the first one. */
  get destination(): string | null {
    return this.#leg?.destination ?? null;
  }

  /** The connection to `leg`, if there is one that can be used again; any other is closed. */
  reuse(leg: LegSnapshot): BackendLeg | null {
    const connection = this.#connection;
    const isUsable = connection !== null && !this.#busy &&
      connection.reader.buffered === 0 && isSame(this.#leg!, leg);
    if (!isUsable) {
      this.close();
      return null;
    }
    this.#busy = true;
    return connection;
  }

  /** Use a fresh connection from now on. */
  take(leg: LegSnapshot, connection: BackendLeg): void {
    this.#leg = leg;
    this.#connection = connection;
    this.#busy = true;
  }

  /**
   * The response is over and the backend keeps the connection. One that it closes meanwhile, or on
   * which it says something that nobody asked for, is not used again.
   */
  rest(): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (connection.reader.buffered > 0) return this.close();
    this.#busy = false;
    void connection.reader.more().then(() => {
      if (this.#connection === connection && !this.#busy) this.close();
    });
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
    this.#busy = false;
  }
}

/** A reload may have given a destination another address while a connection was open. */
function isSame(a: LegSnapshot, b: LegSnapshot): boolean {
  return a === b || a.destination === b.destination && a.host === b.host &&
      a.port === b.port && a.tls === b.tls;
}
