import type { Clock } from "../observe/clock.ts";
import { legName } from "../port/leg_name.ts";
import type { LegReport, LegState } from "../port/messages.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import type { DestinationStatus, LegStatus } from "./api.ts";
import { clientUnit } from "./client_unit.ts";

/** Durations in ms; names as in `[server]`. */
export interface BreakerSettings {
  /** Failures in a row that take a leg down; 0: never. */
  readonly hostDownThreshold: number;
  readonly hostDownMinClients: number;
  readonly hostDownCooldown: number;
  readonly backendTimeout: number;
}

/** A leg as the breaker knows it; with another address it starts afresh. */
export interface BreakerLeg {
  readonly destination: string;
  readonly protocol: ProtocolName;
  readonly host: string;
  readonly port: number;
}

/** What is known of a leg, for another process to go on with. */
export interface SavedLeg extends BreakerLeg {
  readonly failures: number;
  readonly connectFailures: number;
  readonly sources: readonly string[];
  readonly state: LegState["state"];
  /** Milliseconds until a leg that is down is tried again. */
  readonly cooldown: number;
}

/** A probe is over when the dial is, at the latest; then the next connection may try. */
const PROBE_MARGIN = 2000;

/** Clients remembered of one streak; enough for the rule and a bound for memory. */
const MOST_SOURCES = 256;

class Leg {
  failures = 0;
  /** Of these, failures to connect. */
  connectFailures = 0;
  sources = new Set<string>();
  state: LegState["state"] = "closed";
  probeUntil: number | null = null;
  /** Where it is down: when that ends. */
  downUntil = 0;
  cancelCooldown: () => void = () => {};

  constructor(readonly of: BreakerLeg) {}

  get view(): LegState {
    return {
      destination: this.of.destination,
      protocol: this.of.protocol,
      state: this.state,
      suspect: this.failures > 0,
    };
  }

  get status(): LegStatus {
    return {
      protocol: this.of.protocol,
      consecutive_failures: this.failures,
      failure_sources: this.sources.size,
      host_level_failure: this.connectFailures > 0,
      down: this.state !== "closed",
    };
  }
}

/**
 * The circuit breakers of all legs (spec section 10). Failures to connect count alone; failures
 * after that take a leg down only once the streak spans enough clients, so that no single client
 * can. After the cooldown one connection probes at a time.
 */
export class Breakers {
  #legs = new Map<string, Leg>();
  #destinations: readonly string[] = [];

  constructor(
    private settings: BreakerSettings,
    private readonly clock: Clock,
    /** Told each change that a worker has to know. */
    private readonly onChange: (states: readonly LegState[]) => void,
  ) {}

  /** Take over the legs of a new configuration; those that stay keep their state. */
  configure(
    settings: BreakerSettings,
    destinations: readonly string[],
    legs: readonly BreakerLeg[],
  ): void {
    this.settings = settings;
    this.#destinations = destinations;
    const before = this.#legs;
    this.#legs = new Map();
    for (const leg of legs) {
      const key = legName(leg.destination, leg.protocol);
      const known = before.get(key);
      const same = known?.of.host === leg.host && known.of.port === leg.port;
      this.#legs.set(key, same ? known : new Leg(leg));
      if (same) before.delete(key);
    }
    const replaced: LegState[] = [];
    for (const [key, leg] of before) {
      leg.cancelCooldown();
      // Of a leg that is gone the workers must forget that it was down: it may come back.
      const now = this.#legs.get(key) ?? new Leg(leg.of);
      replaced.push(now.view);
    }
    if (replaced.length > 0) this.onChange(replaced);
    if (settings.hostDownThreshold === 0) {
      for (const leg of this.#legs.values()) this.#change(leg, clear);
    }
  }

  /** What a worker saw of a leg. Of a leg that is no longer configured nothing is kept. */
  report(report: LegReport): void {
    const leg = this.#legs.get(legName(report.destination, report.protocol));
    if (!leg) return;
    if (report.outcome === "success") return this.#change(leg, clear);
    this.#change(leg, () => {
      leg.failures++;
      if (report.outcome === "connect") leg.connectFailures++;
      if (leg.sources.size < this.#mostSources) {
        leg.sources.add(clientUnit(report.client));
      }
      // Who dialled before the leg went down reports late and must not prolong that.
      const probeFailed = leg.state === "ask" && leg.probeUntil !== null;
      if (probeFailed || (leg.state === "closed" && this.#tripped(leg))) {
        this.#takeDown(leg);
      }
    });
  }

  /** May this connection use the leg? One at a time while it is cooled down; never while it is down. */
  grantProbe(destination: string, protocol: ProtocolName): boolean {
    const leg = this.#legs.get(legName(destination, protocol));
    if (!leg || leg.state === "down") return false;
    if (leg.state === "closed") return true;
    const now = this.clock.now();
    if (leg.probeUntil !== null && leg.probeUntil > now) return false;
    leg.probeUntil = now + this.settings.backendTimeout + PROBE_MARGIN;
    return true;
  }

  /** Every leg that is not simply well: what a new worker has to know. */
  states(): LegState[] {
    return [...this.#legs.values()].map((leg) => leg.view)
      .filter((view) => view.suspect || view.state !== "closed");
  }

  /** Every leg that is not simply well, with all that is known of it. */
  save(): SavedLeg[] {
    const now = this.clock.now();
    return [...this.#legs.values()]
      .filter((leg) => leg.failures > 0 || leg.state !== "closed")
      .map((leg) => ({
        ...leg.of,
        failures: leg.failures,
        connectFailures: leg.connectFailures,
        sources: [...leg.sources],
        state: leg.state,
        cooldown: leg.state === "down" ? Math.max(0, leg.downUntil - now) : 0,
      }));
  }

  /** Go on where another process was; a leg that is not configured, or has another address, is left out. */
  restore(saved: readonly SavedLeg[]): void {
    if (this.settings.hostDownThreshold === 0) return;
    for (const { state, cooldown, sources, ...from } of saved) {
      const leg = this.#legs.get(legName(from.destination, from.protocol));
      if (leg?.of.host !== from.host || leg.of.port !== from.port) continue;
      this.#change(leg, () => {
        leg.failures = from.failures;
        leg.connectFailures = from.connectFailures;
        leg.sources = new Set(sources);
        if (state === "down") this.#takeDown(leg, cooldown);
        else leg.state = state;
      });
    }
  }

  stateOf(destination: string, protocol: ProtocolName): LegState["state"] {
    return this.#legs.get(legName(destination, protocol))?.state ?? "closed";
  }

  /** For GET /destinations; the fields of a destination are those of its worst leg. */
  status(): DestinationStatus[] {
    return this.#destinations.map((destination) => {
      const legs = [...this.#legs.values()]
        .filter((leg) => leg.of.destination === destination)
        .map((leg) => leg.status);
      const { protocol: _, ...worst } = legs.reduce(
        (a, b) => isWorse(b, a) ? b : a,
        legs[0] ?? WELL,
      );
      return { destination, ...worst, legs };
    });
  }

  /** Forget every failure of a destination; false when there is no such destination. */
  reset(destination: string): boolean {
    if (!this.#destinations.includes(destination)) return false;
    for (const leg of this.#legs.values()) {
      if (leg.of.destination === destination) this.#change(leg, clear);
    }
    return true;
  }

  /** As if a leg had failed until it is down, or had been used with success. */
  force(
    destination: string,
    protocol: ProtocolName,
    health: "up" | "down",
  ): void {
    const leg = this.#legs.get(legName(destination, protocol));
    if (!leg) return;
    this.#change(
      leg,
      (leg) => health === "up" ? clear(leg) : this.#takeDown(leg),
    );
  }

  /** Stops every timer. */
  close(): void {
    for (const leg of this.#legs.values()) leg.cancelCooldown();
  }

  get #mostSources(): number {
    return Math.max(MOST_SOURCES, this.settings.hostDownMinClients);
  }

  #tripped(leg: Leg): boolean {
    const { hostDownThreshold, hostDownMinClients } = this.settings;
    if (hostDownThreshold === 0) return false;
    return leg.connectFailures >= hostDownThreshold ||
      (leg.failures >= hostDownThreshold &&
        leg.sources.size >= hostDownMinClients);
  }

  #takeDown(leg: Leg, cooldown = this.settings.hostDownCooldown): void {
    leg.state = "down";
    leg.probeUntil = null;
    leg.downUntil = this.clock.now() + cooldown;
    leg.cancelCooldown();
    leg.cancelCooldown = this.clock.after(
      cooldown,
      () => this.#change(leg, () => leg.state = "ask"),
    );
  }

  #change(leg: Leg, act: (leg: Leg) => void): void {
    const before = leg.view;
    act(leg);
    const after = leg.view;
    if (before.state !== after.state || before.suspect !== after.suspect) {
      this.onChange([after]);
    }
  }
}

const WELL: LegStatus = {
  protocol: "imap",
  consecutive_failures: 0,
  failure_sources: 0,
  host_level_failure: false,
  down: false,
};

function clear(leg: Leg): void {
  leg.failures = leg.connectFailures = 0;
  leg.sources.clear();
  leg.state = "closed";
  leg.probeUntil = null;
  leg.cancelCooldown();
}

function isWorse(a: LegStatus, b: LegStatus): boolean {
  if (a.down !== b.down) return a.down;
  return a.consecutive_failures > b.consecutive_failures;
}
