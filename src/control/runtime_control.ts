import { endHere } from "./everywhere.ts";
import { destinationOf, legOf } from "../config/effective.ts";
import type { Config } from "../config/schema.ts";
import type { TraceStep } from "../port/messages.ts";
import type { ProtocolName, WorkerSnapshot } from "../port/snapshot.ts";
import { describeProbe, probeLeg } from "../protocols/probe.ts";
import { accountKey } from "./accounts.ts";
import { ControlError, type ControlPlane } from "./api.ts";
import type { Probes, ProbeView } from "./api_probe.ts";
import type { RuntimeControl } from "./api_runtime.ts";
import type { SessionEndings } from "./api_sessions.ts";
import type { TraceControl } from "./api_trace.ts";
import type { TrafficFacts, TrafficView } from "./api_traffic.ts";
import type { Parts } from "./parts.ts";
import { ProcessInspector } from "./process_facts.ts";
import { Servers } from "./server_control.ts";
import { SslTransactions } from "./ssl/ssl_control.ts";
import type { Served } from "./served.ts";

/** What is served while the process is past its start, as the daemon knows it. */
export interface ServedNow {
  readonly served: Served;
  readonly snapshot: WorkerSnapshot;
  readonly stopping: boolean;
}

/** The facets that the runtime socket's commands work on. */
export function runtimeControl(
  parts: Parts,
  plane: ControlPlane,
  version: string,
  servedNow: () => ServedNow,
  /** PEM of the authorities that this host trusts. */
  hostAuthorities: () => readonly string[],
): RuntimeControl {
  return {
    plane,
    process: new ProcessInspector(parts, version, () => {
      const { snapshot, stopping } = servedNow();
      return { generation: snapshot.generation, stopping };
    }),
    traffic: new TrafficReader(parts, servedNow),
    journal: {
      events: parts.journal.events,
      errors: parts.journal.errors,
      async catchUp() {
        await parts.supervisor.ask("flush", null);
      },
    },
    sessions: new Endings(parts, servedNow),
    probes: new LegProbes(servedNow),
    servers: new Servers(
      parts,
      plane.overrides,
      () => servedNow().served.config,
    ),
    ssl: new SslTransactions({
      served: () => servedNow().served,
      overrides: plane.overrides,
      hostAuthorities,
    }),
    traces: new LoginTraces(parts, servedNow),
    shorten: parts.shorten,
  };
}

class TrafficReader implements TrafficFacts {
  constructor(
    private readonly parts: Parts,
    private readonly servedNow: () => ServedNow,
  ) {}

  async traffic(): Promise<TrafficView> {
    const { supervisor, traffic } = this.parts;
    await supervisor.ask("flush", null);
    const { served } = this.servedNow();
    return {
      listeners: traffic.listeners(served),
      destinations: traffic.destinations(served),
    };
  }

  clearTraffic(all: boolean): void {
    this.parts.traffic.clear(all);
  }
}

class Endings implements SessionEndings {
  constructor(
    private readonly parts: Parts,
    private readonly servedNow: () => ServedNow,
  ) {}

  async endAt(
    destination: string,
    protocol: ProtocolName | null,
  ): Promise<number> {
    checkLeg(this.servedNow().served.config, destination, protocol);
    return await endHere(
      this.parts,
      { destination, protocol },
      "kicked",
    );
  }
}

class LegProbes implements Probes {
  constructor(private readonly servedNow: () => ServedNow) {}

  async probe(
    destination: string,
    protocol: ProtocolName | null,
  ): Promise<ProbeView[]> {
    const { served, snapshot } = this.servedNow();
    checkLeg(served.config, destination, protocol);
    const legs = Object.values(snapshot.destinations[destination]!.legs)
      .filter((leg) => protocol === null || leg.protocol === protocol);
    return await Promise.all(legs.map(async (leg) => {
      const result = await probeLeg(leg, snapshot.backendTimeout);
      return { ok: result.ok, text: describeProbe(leg, result) };
    }));
  }
}

class LoginTraces implements TraceControl {
  constructor(
    private readonly parts: Parts,
    private readonly servedNow: () => ServedNow,
  ) {}

  trace(
    identifier: string,
    seconds: number,
    gone: AbortSignal,
  ): AsyncIterable<TraceStep> {
    const account = accountKey(this.servedNow().served.config, identifier);
    const over = AbortSignal.timeout(seconds * 1000);
    return this.parts.traces.follow(account, AbortSignal.any([gone, over]));
  }
}

function checkLeg(
  config: Config,
  destination: string,
  protocol: ProtocolName | null,
): void {
  if (destinationOf(config, destination) === undefined) {
    throw new ControlError("unknown", "No such destination.");
  }
  if (protocol !== null && !legOf(config, destination, protocol)) {
    throw new ControlError("unknown", "No such leg.");
  }
}
