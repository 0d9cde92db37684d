import { legOf } from "../config/effective.ts";
import type { Config } from "../config/schema.ts";
import { legName } from "../port/leg_name.ts";
import type { EndReason, LegReport, LegState } from "../port/messages.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import type {
  DestinationTraffic,
  LegTraffic,
  ListenerTraffic,
} from "./api_traffic.ts";
import { LoadCounter } from "./load_counter.ts";
import type { CloseRecord, SessionPlace, SessionWatch } from "./registry.ts";
import type { Served } from "./served.ts";

type Ended = "refused" | "denied" | "faults" | "internal";

/** What an end counts as besides; most are ordinary. */
const COUNTED: Readonly<Partial<Record<EndReason, Ended>>> = {
  "max-connections": "refused",
  "limit": "denied",
  "preauth-timeout": "faults",
  "preauth-limit": "faults",
  "auth-attempts": "faults",
  "tls-failed": "faults",
  "cleartext-after-starttls": "faults",
  "proxy-header": "faults",
  "request-refused": "faults",
  "worker-lost": "internal",
  "error": "internal",
};

class ListenerCounts {
  readonly load = new LoadCounter();
  ends = noEnds();
}

class LegCounts {
  readonly load = new LoadCounter();
  connectFailures = 0;
  lateFailures = 0;
  downs = 0;
  downMs = 0;
  isDown = false;

  constructor(
    readonly destination: string,
    readonly protocol: ProtocolName,
    public changedAt: number,
  ) {}
}

/** Counts what `show stat` tells, from what the workers report. */
export class Traffic implements SessionWatch {
  readonly #listeners = new Map<string, ListenerCounts>();
  readonly #destinations = new Map<string, LoadCounter>();
  readonly #legs = new Map<string, LegCounts>();

  constructor(
    /** Milliseconds that never go back. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Counts of what is no longer configured go with its last connection. */
  configure(config: Config): void {
    const { listener, destination } = config;
    for (const name of Object.keys(listener)) this.#listener(name);
    for (const [name, { protocol }] of Object.entries(destination)) {
      this.#destination(name);
      for (const leg of Object.keys(protocol)) {
        this.#leg(name, leg as ProtocolName);
      }
    }
    for (const [name, { load }] of this.#listeners) {
      const isConfigured = Object.hasOwn(listener, name);
      if (!isConfigured && load.now === 0) this.#listeners.delete(name);
    }
    for (const [name, load] of this.#destinations) {
      const isConfigured = Object.hasOwn(destination, name);
      if (!isConfigured && load.now === 0) this.#destinations.delete(name);
    }
    for (const [key, { destination, protocol, load }] of this.#legs) {
      const isConfigured = legOf(config, destination, protocol) !== undefined;
      if (!isConfigured && load.now === 0) this.#legs.delete(key);
    }
  }

  opened(listener: string): void {
    this.#listener(listener).load.came(this.now());
  }

  closed({ listener, reason }: Pick<CloseRecord, "listener" | "reason">): void {
    const counts = this.#listener(listener);
    counts.load.went();
    const ended = COUNTED[reason];
    if (ended) counts.ends[ended]++;
  }

  routed(destination: string, protocol: ProtocolName, by: 1 | -1): void {
    const loads = [
      this.#destination(destination),
      this.#leg(destination, protocol).load,
    ];
    for (const load of loads) {
      if (by === 1) load.came(this.now());
      else load.went();
    }
  }

  carried(place: SessionPlace, bytesIn: number, bytesOut: number): void {
    const { listener, protocol, destination } = place;
    this.#listener(listener).load.carried(bytesIn, bytesOut);
    if (destination === null) return;
    this.#destination(destination).carried(bytesIn, bytesOut);
    this.#leg(destination, protocol).load.carried(bytesIn, bytesOut);
  }

  /** How a use of a leg ended. */
  reported({ destination, protocol, outcome }: LegReport): void {
    const leg = this.#leg(destination, protocol);
    if (outcome === "connect") leg.connectFailures++;
    if (outcome === "late") leg.lateFailures++;
  }

  /** What a leg's breaker says. */
  switched({ destination, protocol, state }: LegState): void {
    const leg = this.#leg(destination, protocol);
    const isDown = state !== "closed";
    if (leg.isDown === isDown) return;
    const now = this.now();
    if (isDown) leg.downs++;
    else leg.downMs += now - leg.changedAt;
    leg.isDown = isDown;
    leg.changedAt = now;
  }

  clear(all: boolean): void {
    for (const counts of this.#listeners.values()) {
      counts.load.clear(all);
      if (all) counts.ends = noEnds();
    }
    for (const load of this.#destinations.values()) load.clear(all);
    for (const leg of this.#legs.values()) {
      leg.load.clear(all);
      if (all) leg.connectFailures = leg.lateFailures = leg.downs = 0;
    }
  }

  listeners({ config, stopped }: Served): ListenerTraffic[] {
    return Object.entries(config.listener).map(([name, listener]) => {
      const { load, ends } = this.#listener(name);
      return {
        listener: name,
        protocol: listener.protocol,
        limit: listener.max_connections,
        isStopped: stopped.has(name),
        ...load.view(this.now()),
        ...ends,
      };
    });
  }

  destinations({ config, legStates }: Served): DestinationTraffic[] {
    return Object.entries(config.destination).map(([name, destination]) => ({
      destination: name,
      ...this.#destination(name).view(this.now()),
      legs: Object.entries(destination.protocol).flatMap(([protocol, leg]) =>
        leg === undefined ? [] : [{
          host: destination.host,
          port: leg.port,
          tls: leg.tls,
          wanted: legStates.get(legName(name, protocol as ProtocolName)) ??
            "ready",
          ...this.#legView(name, protocol as ProtocolName),
        }]
      ),
    }));
  }

  #legView(
    destination: string,
    protocol: ProtocolName,
  ): Omit<LegTraffic, "host" | "port" | "tls" | "wanted"> {
    const leg = this.#leg(destination, protocol);
    const now = this.now();
    const running = leg.isDown ? now - leg.changedAt : 0;
    return {
      protocol,
      ...leg.load.view(now),
      isDown: leg.isDown,
      connectFailures: leg.connectFailures,
      lateFailures: leg.lateFailures,
      downs: leg.downs,
      downSeconds: Math.floor((leg.downMs + running) / 1000),
      changedSeconds: Math.floor((now - leg.changedAt) / 1000),
    };
  }

  #listener(name: string): ListenerCounts {
    return obtain(this.#listeners, name, () => new ListenerCounts());
  }

  #destination(name: string): LoadCounter {
    return obtain(this.#destinations, name, () => new LoadCounter());
  }

  #leg(destination: string, protocol: ProtocolName): LegCounts {
    return obtain(
      this.#legs,
      legName(destination, protocol),
      () => new LegCounts(destination, protocol, this.now()),
    );
  }
}

function noEnds(): Record<Ended, number> {
  return { refused: 0, denied: 0, faults: 0, internal: 0 };
}

function obtain<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
