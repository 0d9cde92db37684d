import { isOwnCapability } from "../config/effective.ts";
import { DEFAULT_ADVERTISE } from "../config/schema_capabilities.ts";
import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import { probeLeg } from "../protocols/probe.ts";

const PROBE_MS = 10 * 60_000;

/** Finds out what all destinations offer before login, for `advertise = "probe"`. */
export class ImapProbe {
  #known = new Map<string, ReadonlySet<string>>();
  #common = DEFAULT_ADVERTISE;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Which start is the latest. */
  #started = 0;
  /** What is probed, in words; "" for nothing. */
  #following = "";

  /** What every destination that has answered so far offers; the default while none has. */
  get common(): readonly string[] {
    return this.#common;
  }

  /**
   * Probe now and every ten minutes; `changed` is called when `common` is another. Legs that are being
   * probed already go on being so.
   */
  follow(snapshot: WorkerSnapshot, changed: () => void): void {
    const legs = Object.values(snapshot.destinations)
      .flatMap(({ legs }) => legs.imap ? [legs.imap] : []);
    const wanted = JSON.stringify([legs, snapshot.backendTimeout]);
    if (wanted === this.#following) return;
    this.close();
    this.#following = wanted;
    const declared = new Set(legs.map(({ destination }) => destination));
    for (const destination of this.#known.keys()) {
      if (!declared.has(destination)) this.#known.delete(destination);
    }
    const started = this.#started;
    const round = async () => {
      const offers = await ask(legs, snapshot.backendTimeout);
      // Answers to what another configuration or nobody asks any more.
      if (started === this.#started) this.#learn(offers, changed);
    };
    this.#timer = setInterval(() => void round(), PROBE_MS);
    void round();
  }

  close(): void {
    this.#started++;
    this.#following = "";
    clearInterval(this.#timer);
  }

  /** A destination that does not answer now keeps what it last said. */
  #learn(offers: Offers, changed: () => void): void {
    for (const [destination, words] of offers) {
      this.#known.set(destination, words);
    }
    const common = intersect([...this.#known.values()]);
    if (common.join() === this.#common.join()) return;
    this.#common = common;
    changed();
  }
}

/** Upper-case capability words by destination. */
type Offers = ReadonlyMap<string, ReadonlySet<string>>;

async function ask(
  legs: readonly LegSnapshot[],
  timeout: number,
): Promise<Offers> {
  const offers = new Map<string, ReadonlySet<string>>();
  await Promise.all(legs.map(async (leg) => {
    const result = await probeLeg(leg, timeout);
    if (result.ok && result.offer) {
      offers.set(leg.destination, result.offer.capabilities);
    }
  }));
  return offers;
}

function intersect(offers: readonly ReadonlySet<string>[]): readonly string[] {
  const [first, ...rest] = offers;
  if (!first) return DEFAULT_ADVERTISE;
  return [...first].filter((word) =>
    !isOwnCapability(word) && rest.every((offer) => offer.has(word))
  );
}
