/** Schemas of parameters and answers, tied to the control plane's types so that neither drifts. */
import { z } from "zod";
import type {
  DestinationStatus,
  Explanation,
  LegStatus,
  LimitList,
  MappingView,
  SessionView,
  Stats,
  UpstreamView,
} from "../control/api.ts";
import { IMPORT_RESULTS, type ImportReport } from "../control/api_bulk.ts";
import type { MoveAnswer } from "../control/api_moves.ts";
import type { ClusterSessions, ClusterView } from "../control/api_cluster.ts";
import type { AuditRecord } from "../control/audit_log.ts";
import type { AuthorityView } from "../pki/local.ts";
import { PROTOCOLS } from "../config/protocols.ts";
import { MOVE_RESULTS } from "../observe/metric_names.ts";
import type { Parameter } from "./route.ts";

const count = z.int().min(0);

const protocolSchema = z.enum(PROTOCOLS);

/** A switch of a query, which is off where it is not given. */
export const trueOrFalse = z.enum(["true", "false"]);

export const statsSchema = z.strictObject({
  cache_hits: count,
  cache_misses: count,
  hit_rate_pct: z.number().min(0).max(100),
  cache_entries: count,
  active_connections: count,
}) satisfies z.ZodType<Stats>;

const health = {
  consecutive_failures: count,
  failure_sources: count,
  host_level_failure: z.boolean(),
  down: z.boolean(),
};

const legSchema = z.strictObject({
  protocol: protocolSchema,
  ...health,
}) satisfies z.ZodType<LegStatus>;

export const destinationsSchema = z.strictObject({
  destinations: z.array(
    z.strictObject({
      destination: z.string(),
      ...health,
      legs: z.array(legSchema),
    }) satisfies z.ZodType<DestinationStatus>,
  ),
});

export const mappingSchema = z.strictObject({
  identifier: z.string(),
  normalized: z.string(),
  destination: z.string(),
  routed_to_default: z.boolean(),
  cached: z.boolean(),
}) satisfies z.ZodType<MappingView>;

const session = {
  id: z.string(),
  listener: z.string(),
  protocol: protocolSchema,
  client: z.string(),
  stage: z.enum([
    "accept",
    "preauth",
    "hold",
    "lookup",
    "dial",
    "replay",
    "bridge",
  ]),
  identifier: z.string().nullable(),
  destination: z.string().nullable(),
  since: z.iso.datetime(),
  bytes_in: count,
  bytes_out: count,
};

export const sessionsSchema = z.strictObject({
  sessions: z.array(
    z.strictObject(session) satisfies z.ZodType<SessionView>,
  ),
});

export const clusterSessionsSchema = z.strictObject({
  sessions: z.array(z.strictObject({ node: z.string(), ...session })),
  incomplete: z.array(z.string()),
}) satisfies z.ZodType<ClusterSessions>;

export const clusterSchema = z.strictObject({
  bus: z.enum(["redis", "postgres"]).nullable(),
  connected: z.boolean(),
  problem: z.string().nullable(),
  members: z.array(z.strictObject({
    node: z.string(),
    version: z.string(),
    is_self: z.boolean(),
    reachable: z.boolean(),
    uptime_seconds: z.number().min(0),
    age_seconds: z.number().min(0),
    sessions: count,
  })),
}) satisfies z.ZodType<ClusterView>;

export const limitsSchema = z.strictObject({
  counted: count,
  limits: z.array(z.strictObject({
    kind: z.enum(["address", "account"]),
    name: z.string(),
    failures: count,
    refused_seconds: count,
    connections: z.partialRecord(protocolSchema, count),
  })),
}) satisfies z.ZodType<LimitList>;

export const explanationSchema = z.strictObject({
  identifier: z.string(),
  destination: z.string().nullable(),
  refused: z.string().nullable(),
  steps: z.array(z.strictObject({ step: z.string(), result: z.string() })),
}) satisfies z.ZodType<Explanation>;

export const authoritySchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  root_common_name: z.string(),
  intermediate_common_name: z.string(),
  root_certificate: z.string(),
  intermediate_certificate: z.string(),
}) satisfies z.ZodType<AuthorityView>;

export const auditSchema = z.strictObject({
  audit: z.array(z.strictObject({
    time: z.iso.datetime(),
    via: z.enum(["api", "socket", "signal"]),
    actor: z.string(),
    role: z.string().exactOptional(),
    client: z.string().exactOptional(),
    action: z.string(),
    parameters: z.record(z.string(), z.string()),
    path: z.string().exactOptional(),
    before: z.string().exactOptional(),
    after: z.string().exactOptional(),
    status: z.int().exactOptional(),
    result: z.string(),
  })),
}) satisfies z.ZodType<{ audit: AuditRecord[] }>;

export const reloadedSchema = z.strictObject({
  reloaded: z.literal(true),
  note: z.string(),
});

export const changedSchema = z.strictObject({
  changed: z.boolean(),
  note: z.string(),
});

export const savedSchema = z.strictObject({ saved: z.string() });

export const differencesSchema = z.strictObject({
  differences: z.array(
    z.strictObject({
      path: z.string(),
      file: z.unknown(),
      running: z.unknown(),
    }),
  ),
});

export const adaptedSchema = z.strictObject({
  result: z.unknown(),
  warnings: z.array(
    z.strictObject({
      line: z.int().nullable(),
      key: z.string(),
      message: z.string(),
    }),
  ),
});

export const upstreamsSchema = z.array(
  z.strictObject({
    address: z.string(),
    destination: z.string(),
    protocol: protocolSchema,
    num_requests: count,
    fails: count,
  }) satisfies z.ZodType<UpstreamView>,
);

export const overridesSchema = z.strictObject({
  overrides: z.array(
    z.strictObject({
      kind: z.string(),
      key: z.string(),
      value: z.unknown(),
      configured: z.unknown(),
      state: z.enum(["in-force", "stale", "unused"]),
      set_at: z.iso.datetime(),
      set_by: z.string(),
    }),
  ),
});

/** What an import has done. */
export const importReportSchema = z.strictObject({
  result: z.enum(IMPORT_RESULTS),
  problem: z.string().nullable(),
  lines: count,
  accounts: count,
  repeated: count,
  written: count,
  bad_lines: count,
  errors: z.array(z.strictObject({ line: count, reason: z.string() })),
}) satisfies z.ZodType<ImportReport>;

const destinationsOfNames = z.record(z.string(), z.string().nullable());

/** What a move or an undo has done. */
export const moveAnswerSchema = z.strictObject({
  change: z.string().nullable(),
  dry_run: z.boolean(),
  problem: z.string().nullable(),
  not_reached: z.array(z.string()).exactOptional(),
  accounts: z.array(z.strictObject({
    identifier: z.string(),
    result: z.enum([...MOVE_RESULTS, "would-change"]),
    previous: destinationsOfNames,
    now: destinationsOfNames,
    kicked: count,
  })),
}) satisfies z.ZodType<MoveAnswer>;

/** A text that may be left out. */
export const optionalText = (summary: string) =>
  ({ schema: z.string(), required: false, summary }) as const;

/** An account, as a client would log in; the control plane normalizes it. */
export const identifier = {
  schema: z.string(),
  required: true,
  summary: "The account, as it logs in",
  account: true,
} as const satisfies Parameter;

export const optionalIdentifier = { ...identifier, required: false } as const;

export const destination = {
  schema: z.string(),
  required: true,
  summary: "A destination of the configuration",
} as const satisfies Parameter;
