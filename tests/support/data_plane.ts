/** Real workers under a supervisor, with a control plane of the test's own that knows routes by heart. */
import { capabilitiesOf } from "./capabilities.ts";
import { SessionRegistry } from "../../src/control/registry.ts";
import type { CloseRecord } from "../../src/control/registry.ts";
import { Supervisor } from "../../src/control/supervisor.ts";
import type {
  ControlRequests,
  LegReport,
  LegState,
  LimitCause,
  LogLine,
  RouteAnswer,
} from "../../src/port/messages.ts";
import type {
  LegSnapshot,
  ListenerSnapshot,
  WorkerSnapshot,
} from "../../src/port/snapshot.ts";
import type { Certificate } from "./certs.ts";
import { until } from "./wait.ts";

/** A leg over clear text to this host. */
export function leg(
  port: number,
  more: Partial<LegSnapshot> = {},
): LegSnapshot {
  return {
    destination: "old",
    protocol: "imap",
    host: "127.0.0.1",
    port,
    tls: "plain",
    trust: { kind: "none", serverName: "backend.test" },
    forwarding: "none",
    sourceIps: [],
    hideAuthErrors: false,
    allowPlaintextAuth: true,
    ...more,
  };
}

export function listener(
  port: number,
  more: Partial<ListenerSnapshot> = {},
): ListenerSnapshot {
  return {
    name: "imap",
    protocol: "imap",
    bind: [{ hostname: "127.0.0.1", port }],
    tls: "starttls",
    proxyProtocol: "off",
    proxyTrusted: [],
    maxConnections: 100,
    preauthTimeout: 30_000,
    maxAuthAttempts: 3,
    ...more,
  };
}

/** A configuration in which logins need no TLS. */
export function snapshot(
  listeners: readonly ListenerSnapshot[],
  legs: readonly LegSnapshot[],
  certificates: readonly Certificate[],
  more: Partial<WorkerSnapshot> = {},
): WorkerSnapshot {
  return {
    generation: 1,
    hostname: "proxy.test",
    listeners,
    destinations: Object.fromEntries(
      legs.map((leg) => [leg.destination, {
        name: leg.destination,
        legs: { imap: leg },
      }]),
    ),
    defaultDestination: "old",
    smtpPassthrough: null,
    normalize: "none",
    masterUserSeparators: ["%"],
    jwtUsernameClaim: "email",
    capabilities: capabilitiesOf({
      sasl: ["PLAIN", "LOGIN"],
      allowPlainAuthWithoutTls: true,
    }),
    certificates: certificates.map(({ certPem, keyPem }, i) => ({
      certPem,
      keyPem,
      names: i === certificates.length - 1
        ? ["proxy.test"]
        : [`other${i}.test`],
      isDefault: i === certificates.length - 1,
    })),
    minTlsVersion: "1.2",
    trustRoots: [],
    bridgeIdle: 600_000,
    backendTimeout: 10_000,
    connectRetries: 0,
    proxyTtl: 7,
    ...more,
  };
}

export class DataPlane implements Disposable {
  readonly supervisor: Supervisor;
  readonly closed: CloseRecord[] = [];
  readonly registry = new SessionRegistry((record) => this.closed.push(record));
  readonly logs: LogLine[] = [];
  readonly reports: LegReport[] = [];
  readonly lost: { worker: number; reason: string }[] = [];
  readonly counters: Record<string, number> = {};
  /** What was told of logins that are traced. */
  readonly traced: string[] = [];
  /** What a worker that joins is told. */
  legs: LegState[] = [];
  held: string[] = [];
  /** Overridden by tests that want to answer late or otherwise. */
  lookup = (_identifier: string): RouteAnswer | Promise<RouteAnswer> => ({
    destination: "old",
    isDefault: true,
    ttl: 60_000,
  });
  hold = (_identifier: string): Promise<{ granted: boolean }> =>
    Promise.resolve({ granted: true });

  takeLogin = (
    _login: ControlRequests["takeLogin"]["in"],
  ): LimitCause | null => null;
  loginFailed = (_login: ControlRequests["loginFailed"]["in"]): number => 0;

  constructor(workers: number) {
    this.supervisor = new Supervisor(workers, {
      handlers: (worker) => ({
        requests: {
          lookup: ({ identifier }) => this.lookup(identifier),
          hold: ({ identifier }) => this.hold(identifier),
          breakerProbe: () => true,
          slots: ({ want }) => want,
          takeConnection: () => null,
          takeLogin: (login) => this.takeLogin(login),
          loginFailed: (login) => this.loginFailed(login),
        },
        notices: {
          ...IGNORED,
          sessions: (events) => this.registry.apply(worker, events),
          logs: (lines) => void this.logs.push(...lines),
          legs: (reports) => void this.reports.push(...reports),
          trace: ({ text }) => void this.traced.push(text),
          counters: (increments) => {
            for (const [name, by] of Object.entries(increments)) {
              this.counters[name] = (this.counters[name] ?? 0) + by;
            }
          },
        },
      }),
      lost: (worker, reason) => {
        this.registry.workerLost(worker);
        this.lost.push({ worker, reason });
      },
      briefing: () => ({ legs: this.legs, held: this.held, traced: [] }),
    });
  }

  static async start(
    workers: number,
    snapshot: WorkerSnapshot,
  ): Promise<DataPlane> {
    const plane = new DataPlane(workers);
    try {
      await plane.supervisor.start();
      await plane.supervisor.apply(snapshot);
    } catch (error) {
      plane.supervisor.stop();
      throw error;
    }
    return plane;
  }

  /** The close record of the client that came from this port. */
  ended(localPort: number): Promise<CloseRecord> {
    return until(
      `close record of ${localPort}`,
      () => this.closed.find((r) => r.client.endsWith(`:${localPort}`)),
    ) as Promise<CloseRecord>;
  }

  [Symbol.dispose](): void {
    this.supervisor.stop();
  }
}

const IGNORED = {
  observations: () => {},
  holdLeave: () => {},
  leave: () => {},
  leaveLogin: () => {},
  slotsBack: () => {},
  rootOutdated: () => {},
  rootWanted: () => {},
};
