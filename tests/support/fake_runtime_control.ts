/** A control plane in memory, for tests of the runtime socket. */
import type { RuntimeControl } from "../../src/control/api_runtime.ts";
import type { ServerControl } from "../../src/control/api_servers.ts";
import type { SslControl } from "../../src/control/api_ssl.ts";
import type { TraceControl } from "../../src/control/api_trace.ts";
import type {
  DestinationTraffic,
  LegTraffic,
  ListenerTraffic,
} from "../../src/control/api_traffic.ts";
import { Journal } from "../../src/control/journal.ts";
import type { ProtocolName } from "../../src/port/snapshot.ts";
import { FakeControl } from "./fake_control.ts";

const LOAD = {
  now: 2,
  most: 3,
  total: 10,
  bytesIn: 1000,
  bytesOut: 2000,
  rate: 1,
  mostRate: 4,
  idleSeconds: 5,
};

export function listenerTraffic(
  over: Partial<ListenerTraffic> = {},
): ListenerTraffic {
  return {
    listener: "imaps",
    protocol: "imap",
    ...LOAD,
    limit: 100,
    isStopped: false,
    refused: 1,
    denied: 2,
    faults: 3,
    internal: 0,
    ...over,
  };
}

export function legTraffic(over: Partial<LegTraffic> = {}): LegTraffic {
  return {
    protocol: "imap",
    host: "192.0.2.7",
    port: 993,
    tls: "implicit",
    wanted: "ready",
    isDown: false,
    ...LOAD,
    connectFailures: 4,
    lateFailures: 5,
    downs: 1,
    downSeconds: 30,
    changedSeconds: 60,
    ...over,
  };
}

/** What it answers with can be set; `calls` is what was changed, in order. */
export class FakeRuntimeControl implements RuntimeControl {
  readonly plane = new FakeControl();
  readonly calls: unknown[][] = [];
  readonly log = new Journal();
  readonly journal = {
    events: this.log.events,
    errors: this.log.errors,
    catchUp: () => Promise.resolve(),
  };
  listeners: ListenerTraffic[] = [listenerTraffic()];
  destinationTraffic: DestinationTraffic[] = [
    { destination: "old", ...LOAD, legs: [legTraffic()] },
    {
      destination: "new",
      ...LOAD,
      now: 0,
      idleSeconds: null,
      legs: [legTraffic({ host: "new.example.com", now: 0, isDown: true })],
    },
  ];
  readonly process = {
    process: () => ({
      version: "1.2.3",
      pid: 42,
      startedAt: Date.now() - 93_784_000,
      hostname: "host",
      workers: 2,
      configGeneration: 7,
      stopping: false,
      openFiles: 1024,
      memory: 100 * 2 ** 20,
    }),
    activity: () =>
      Promise.resolve([1, 2].map((sessions) => ({
        sessions,
        pendingPairs: 0,
        routes: 3,
        heapUsed: 4,
      }))),
    environment: () =>
      [["HOME", "/root"], ["PROXY_ADMIN_TOKEN", null]] as const,
  };
  readonly traffic = {
    traffic: () =>
      Promise.resolve({
        listeners: this.listeners,
        destinations: this.destinationTraffic,
      }),
    clearTraffic: (all: boolean) => void this.calls.push(["clear", all]),
  };
  readonly sessions = {
    endAt: (destination: string, protocol: ProtocolName | null) => {
      this.calls.push(["endAt", destination, protocol]);
      return Promise.resolve(2);
    },
  };
  readonly probes = {
    probe: (destination: string, protocol: ProtocolName | null) =>
      Promise.resolve([
        { ok: true, text: `${destination} ${protocol ?? "all"}: ok` },
      ]),
  };
  readonly servers: ServerControl = {
    setState: (...call) => {
      this.calls.push(["setState", ...call]);
      return Promise.resolve(1);
    },
    setHealth: (...call) => void this.calls.push(["setHealth", ...call]),
    setAddress: (...call) => this.#called("setAddress", call),
    setFrontend: (...call) => this.#called("setFrontend", call),
    setMaxConnections: (...call) => this.#called("setMaxConnections", call),
    setRateLimit: (...call) => this.#called("setRateLimit", call),
  };
  readonly ssl: SslControl = {
    create: (...call) => this.#answered("create", call),
    set: (...call) => this.#answered("set", call),
    commit: (...call) => Promise.resolve(this.#answered("commit", call)),
    abort: (...call) => this.#answered("abort", call),
    remove: (...call) => Promise.resolve(this.#answered("remove", call)),
    show: (...call) => this.#answered("show", call),
  };
  readonly traces: TraceControl = {
    async *trace(identifier, seconds) {
      const text = `followed for ${seconds} s`;
      yield await Promise.resolve({ identifier, session: "s1", at: 0, text });
    },
  };
  readonly shorten = (identifier: string) => `${identifier.slice(0, 2)}~hash`;

  #called(name: string, call: readonly unknown[]): Promise<void> {
    this.calls.push([name, ...call]);
    return Promise.resolve();
  }

  #answered(name: string, call: readonly unknown[]): string {
    this.calls.push([name, ...call]);
    return `${name}: done\n`;
  }
}
