import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import { probeLeg } from "../protocols/probe.ts";

/** Promised while nothing is known of the backends (spec section 4, the default of `advertise`). */
const CONSERVATIVE = ["IMAP4rev1", "SASL-IR", "LITERAL+", "ID"];
/** What depends on the connection or the login is the proxy's own to say. */
const OWN = /^(AUTH=.*|STARTTLS|LOGINDISABLED)$/;
const PROBE_MS = 10 * 60_000;

/** Finds out what all destinations offer before login, for `advertise = "probe"`. */
export class ImapProbe {
  #known = new Map<string, ReadonlySet<string>>();
  #common: readonly string[] = CONSERVATIVE;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** What every destination that has answered so far offers. */
  get common(): readonly string[] {
    return this.#common;
  }

  /** Probe now and every ten minutes; `changed` is called when `common` is another. */
  start(snapshot: WorkerSnapshot, changed: () => void): void {
    this.close();
    const legs = Object.values(snapshot.destinations)
      .flatMap(({ legs }) => legs.imap ? [legs.imap] : []);
    const round = () =>
      void this.#round(legs, snapshot.backendTimeout, changed);
    this.#timer = setInterval(round, PROBE_MS);
    round();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #round(
    legs: readonly LegSnapshot[],
    timeout: number,
    changed: () => void,
  ): Promise<void> {
    await Promise.all(legs.map(async (leg) => {
      const result = await probeLeg(leg, timeout);
      // A destination that does not answer now keeps what it last said.
      if (result.ok && result.offer) {
        this.#known.set(leg.destination, result.offer.capabilities);
      }
    }));
    const common = intersect([...this.#known.values()]);
    if (common.join() === this.#common.join()) return;
    this.#common = common;
    changed();
  }
}

function intersect(offers: readonly ReadonlySet<string>[]): readonly string[] {
  const [first, ...rest] = offers;
  if (!first) return CONSERVATIVE;
  return [...first].filter((word) =>
    !OWN.test(word) && rest.every((offer) => offer.has(word))
  );
}
