import { parseEndpoint } from "../config/scalars.ts";
import type { Config } from "../config/schema.ts";
import { bindFailure } from "../net/bind_failure.ts";
import { type Reservation, reserve } from "../net/reserve.ts";
import type { SocketAddress } from "../port/snapshot.ts";

/** A listener's address could not be bound; the message names both. */
export class BindError extends Error {
  override readonly name = "BindError";
}

/** Bind something; a failure becomes a BindError that begins with `what`. */
export function bindNamed<T>(what: string, bind: () => T): T {
  try {
    return bind();
  } catch (error) {
    throw new BindError(`${what}: ${bindFailure(error)}`);
  }
}

/** Addresses that are bound already, and stay so. */
export interface Held {
  /** Where this text of a listener is bound. */
  known(key: string): SocketAddress | undefined;
  readonly ports: ReadonlySet<number>;
}

/** Addresses that another process has bound, and is about to leave to this one. */
export function heldElsewhere(
  entries: readonly (readonly [key: string, SocketAddress])[],
): Held {
  const known = new Map(entries);
  const ports = new Set([...known.values()].map(({ port }) => port));
  return { known: (key) => known.get(key), ports };
}

/** The addresses of one configuration's listeners, with free ports chosen for port 0. */
export class Binds implements Held {
  readonly #chosen: ReadonlyMap<string, SocketAddress>;
  readonly #reservations: readonly Reservation[];

  private constructor(
    private readonly config: Config,
    private readonly stopped: ReadonlySet<string>,
    chosen: Map<string, SocketAddress>,
    reservations: Reservation[],
  ) {
    this.#chosen = chosen;
    this.#reservations = reservations;
  }

  /**
   * Choose every address, and try those whose port `before` does not hold already: our own sockets
   * share a port with each other (`0.0.0.0` and `[::]`, say), and would fail the trial. Throws
   * BindError with all that cannot be bound. What is `stopped` gives its addresses up.
   */
  static choose(
    config: Config,
    before: Held | null,
    stopped: ReadonlySet<string> = new Set(),
  ): Binds {
    const held = before?.ports ?? new Set();
    const chosen = new Map<string, SocketAddress>();
    const reservations: Reservation[] = [];
    const failures: string[] = [];
    for (const [name, listener] of Object.entries(config.listener)) {
      if (stopped.has(name)) continue;
      for (const text of listener.bind) {
        const key = bindKey(name, text);
        const known = before?.known(key);
        const wanted = known ?? parseEndpoint(text)!;
        if (wanted.port !== 0 && held.has(wanted.port)) {
          chosen.set(key, wanted);
          continue;
        }
        try {
          const reservation = reserve(wanted);
          reservations.push(reservation);
          chosen.set(key, reservation.address);
        } catch (error) {
          failures.push(
            `listener ${name}: cannot bind ${text}: ${bindFailure(error)}`,
          );
        }
      }
    }
    const binds = new Binds(config, stopped, chosen, reservations);
    if (failures.length > 0) {
      binds.release();
      throw new BindError(failures.join("; "));
    }
    return binds;
  }

  known(key: string): SocketAddress | undefined {
    return this.#chosen.get(key);
  }

  get ports(): ReadonlySet<number> {
    return new Set(this.all().map(({ port }) => port));
  }

  /** Every address with the key that it is known by. */
  entries(): [key: string, SocketAddress][] {
    return [...this.#chosen];
  }

  of(listener: string): SocketAddress[] {
    return this.config.listener[listener]!.bind.map((text) =>
      this.#chosen.get(bindKey(listener, text))!
    );
  }

  all(): SocketAddress[] {
    return Object.keys(this.config.listener)
      .filter((name) => !this.stopped.has(name))
      .flatMap((name) => this.of(name));
  }

  /** The workers have bound what was chosen, or never will. */
  release(): void {
    for (const reservation of this.#reservations) reservation.release();
  }
}

function bindKey(listener: string, text: string): string {
  return `${listener} ${text}`;
}
