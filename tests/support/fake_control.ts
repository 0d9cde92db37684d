/** A control plane in memory, for tests of the front doors. */
import {
  ControlError,
  type ControlPlane,
  type DestinationStatus,
  type SessionView,
} from "../../src/control/api.ts";
import type {
  ExportedMappings,
  ImportReport,
  ImportRequest,
} from "../../src/control/api_bulk.ts";
import type {
  MoveAnswer,
  MoveRequest,
  MoveResult,
} from "../../src/control/api_moves.ts";
import { FakeLiveConfig, FakeOverrides } from "./fake_live.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { ProtocolName } from "../../src/port/snapshot.ts";
import { MemoryTable, memoryTables } from "./memory_table.ts";

const HEALTH = {
  consecutive_failures: 0,
  failure_sources: 0,
  host_level_failure: false,
  down: false,
};

/** Its fields are what it answers with; `calls` is what it was asked, in order. */
export class FakeControl implements ControlPlane {
  readonly calls: unknown[][] = [];
  readonly mappings = new Map<string, string>([["alice@example.com", "old"]]);
  /** Thrown by the next call. */
  failure: Error | null = null;
  notReady: string[] = [];
  notes: string[] = [];
  moveResult: MoveResult = "moved";
  importResult: ImportReport["result"] = "imported";
  openSessions: SessionView[] = [{
    id: "s1",
    listener: "imaps",
    protocol: "imap",
    client: "192.0.2.1:50000",
    stage: "bridge",
    identifier: "alice@example.com",
    destination: "old",
    since: "2026-11-22T08:00:00.000Z",
    bytes_in: 120,
    bytes_out: 4096,
  }];

  readonly config = new FakeLiveConfig((...call) => this.#asked(...call));
  readonly overrides = new FakeOverrides((...call) => this.#asked(...call));
  readonly office = new MemoryTable("office");
  readonly acls = memoryTables("acl", () => [this.office]);
  readonly maps = memoryTables("map", () => [
    new MemoryTable(
      "mappings",
      this.mappings,
      ({ value }) =>
        ["old", "new"].includes(value)
          ? null
          : `unknown destination '${value}'`,
    ),
  ]);

  shutDown() {
    this.#asked("shutDown");
  }

  upgrade() {
    this.#asked("upgrade");
    return Promise.resolve(4711);
  }

  readiness() {
    this.#asked("readiness");
    const { notReady: reasons, notes } = this;
    return { ready: reasons.length === 0, reasons, notes };
  }

  stats() {
    this.#asked("stats");
    return Promise.resolve({
      cache_hits: 18234,
      cache_misses: 412,
      hit_rate_pct: 97.79,
      cache_entries: 380,
      active_connections: 27,
    });
  }

  destinations(): DestinationStatus[] {
    this.#asked("destinations");
    const leg = { protocol: "imap" as ProtocolName, ...HEALTH };
    return [
      { destination: "new", ...HEALTH, legs: [leg] },
      {
        destination: "old",
        consecutive_failures: 6,
        failure_sources: 2,
        host_level_failure: true,
        down: true,
        legs: [
          leg,
          {
            protocol: "pop3",
            consecutive_failures: 6,
            failure_sources: 2,
            host_level_failure: true,
            down: true,
          },
        ],
      },
    ];
  }

  upstreams() {
    this.#asked("upstreams");
    return Promise.resolve([{
      address: "192.0.2.7:993",
      destination: "old",
      protocol: "imap" as ProtocolName,
      num_requests: 4,
      fails: 2,
    }]);
  }

  resetDestination(destination: string) {
    this.#asked("resetDestination", destination);
    this.#declared(destination);
  }

  mapping(identifier: string) {
    this.#asked("mapping", identifier);
    const normalized = identifier.toLowerCase();
    const destination = this.mappings.get(normalized);
    return Promise.resolve({
      identifier,
      normalized,
      destination: destination ?? "old",
      routed_to_default: destination === undefined,
      cached: false,
    });
  }

  // Asynchronous, so that a failure is a rejection as it is in the real one.
  // deno-lint-ignore require-await
  async setMapping(identifier: string, destination: string) {
    this.#asked("setMapping", identifier, destination);
    this.#declared(destination);
    this.mappings.set(identifier, destination);
  }

  // deno-lint-ignore require-await
  async deleteMapping(identifier: string) {
    this.#asked("deleteMapping", identifier);
    return this.mappings.delete(identifier);
  }

  // deno-lint-ignore require-await
  async reloadMappings() {
    this.#asked("reloadMappings");
  }

  // deno-lint-ignore require-await
  async invalidate(identifier: string | null) {
    this.#asked("invalidate", identifier);
  }

  // deno-lint-ignore require-await
  async kick(identifier: string) {
    this.#asked("kick", identifier);
    return this.openSessions.filter((s) => s.identifier === identifier).length;
  }

  // deno-lint-ignore require-await
  async delay(identifier: string, seconds: number) {
    this.#asked("delay", identifier, seconds);
  }

  readonly bulk = {
    // deno-lint-ignore require-await
    export: async (destination: string | null): Promise<ExportedMappings> => {
      this.#asked("export", destination);
      const all = [...this.mappings].map(([identifier, destination]) => ({
        identifier,
        destination,
      }));
      return {
        total: all.length,
        pages: (async function* () {
          yield await Promise.resolve(all);
        })(),
      };
    },
    import: async (
      { rows, signal: _, ...how }: ImportRequest,
    ): Promise<ImportReport> => {
      this.#asked("import", how);
      let bytes = 0;
      for await (const chunk of rows) bytes += chunk.length;
      this.calls.push(["imported", bytes]);
      return {
        result: this.importResult,
        problem: null,
        lines: 1,
        accounts: 1,
        repeated: 0,
        written: 1,
        bad_lines: 0,
        errors: [],
      };
    },
  };

  readonly moves = {
    // deno-lint-ignore require-await
    move: async (request: MoveRequest): Promise<MoveAnswer> => {
      this.#asked("move", request);
      this.#declared(request.destination);
      return {
        change: request.dryRun ? null : "7d1f",
        dry_run: request.dryRun,
        problem: null,
        accounts: request.accounts.map(({ identifier, aliases }) => ({
          identifier,
          result: request.dryRun ? "would-change" as const : this.moveResult,
          previous: Object.fromEntries(
            [identifier, ...aliases].map((name) => [name, "old"]),
          ),
          now: {},
          kicked: 1,
        })),
      };
    },
    // deno-lint-ignore require-await
    undo: async (change: string): Promise<MoveAnswer> => {
      this.#asked("undo", change);
      if (change !== "7d1f") throw new ControlError("unknown", "no change");
      return { change, dry_run: false, problem: null, accounts: [] };
    },
  };

  // deno-lint-ignore require-await
  async sessions(filter: object) {
    this.#asked("sessions", filter);
    return this.openSessions;
  }

  // deno-lint-ignore require-await
  async clusterSessions(filter: object) {
    this.#asked("clusterSessions", filter);
    const sessions = this.openSessions.map((session) => ({
      node: "a",
      ...session,
    }));
    return { sessions, incomplete: [] };
  }

  /** Whom what is asked does not reach. */
  unreached: string[] = [];
  readonly cluster = {
    view: () => ({ bus: null, connected: false, problem: null, members: [] }),
    reaching: async <T>(job: () => Promise<T>) => ({
      answer: await job(),
      unreached: this.unreached,
    }),
  };

  // deno-lint-ignore require-await
  async closeSession(id: string) {
    this.#asked("closeSession", id);
    return this.openSessions.some((s) => s.id === id);
  }

  limits(target: object | null) {
    this.#asked("limits", target);
    return {
      counted: 1,
      limits: [{
        kind: "address" as const,
        name: "192.0.2.1",
        failures: 7,
        refused_seconds: 840,
        connections: { imap: 2 },
      }],
    };
  }

  clearLimit(target: object) {
    this.#asked("clearLimit", target);
    return "address" in target && target.address === "192.0.2.1";
  }

  // deno-lint-ignore require-await
  async metrics() {
    this.#asked("metrics");
    return new Metrics().snapshot();
  }

  // deno-lint-ignore require-await
  async authority(id: string) {
    this.#asked("authority", id);
    if (id !== "local") throw new ControlError("unknown", "unknown authority");
    return {
      id,
      name: "Authority",
      root_common_name: "Root",
      intermediate_common_name: "Intermediate",
      root_certificate: "root\n",
      intermediate_certificate: "intermediate\n",
    };
  }

  // deno-lint-ignore require-await
  async explain(identifier: string) {
    this.#asked("explain", identifier);
    return {
      identifier,
      steps: [
        { step: "normalize", result: identifier.toLowerCase() },
        { step: "mapping", result: "old" },
      ],
      destination: "old",
      refused: null,
    };
  }

  #declared(destination: string) {
    if (!["old", "new"].includes(destination)) {
      throw new ControlError("unknown", `no destination ${destination}`);
    }
  }

  #asked(...call: unknown[]) {
    this.calls.push(call);
    const failure = this.failure;
    this.failure = null;
    if (failure) throw failure;
  }
}
