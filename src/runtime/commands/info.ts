/** `show info` and the like: the process. */
import { type Command, CommandError, type Invocation } from "../command.ts";
import {
  COUNTER,
  type Field,
  type FieldKind,
  GAUGE,
  jsonField,
  LIMIT,
  MOST,
  RATE,
  typedEnd,
} from "../stat_fields.ts";

const TEXT: FieldKind = { tags: "POS", type: "str" };
const SETTING: FieldKind = { tags: "CGS", type: "u32" };
const BYTES: FieldKind = { tags: "MGP", type: "u64" };
const DURATION: FieldKind = { tags: "MDP", type: "u32" };

/** Positions that HAProxy does not use, for what it does not have. */
const OWN = 200;

export const infoCommands: readonly Command[] = [
  {
    words: ["show", "info"],
    args: [{ text: "json|typed", optional: true }],
    level: "user",
    help: "report information about the running process",
    description:
      "`Key: value` lines under HAProxy's keys, as far as they have a meaning here, in its order.",
    run: showInfo,
  },
  {
    words: ["show", "version"],
    level: "user",
    help: "show version of the current process",
    run: ({ control }) => `${control.process.process().version}\n`,
  },
  {
    words: ["show", "activity"],
    level: "user",
    help: "show what each worker holds",
    description:
      "The sum, and in brackets the figure of each worker: sessions, TLS splices that wait for their other end, cached routes, bytes of heap.",
    run: showActivity,
  },
  {
    words: ["show", "env"],
    args: [{ text: "<name>", optional: true }],
    level: "operator",
    help: "dump environment variables known to the process",
    description:
      "Values are shown of variables that are known to hold no secret, of others `(hidden)`.",
    run({ control, args: [wanted] }) {
      const lines = control.process.environment()
        .filter(([name]) => wanted === undefined || name === wanted)
        .map(([name, value]) => `${name}=${oneLine(value ?? "(hidden)")}\n`);
      if (wanted !== undefined && lines.length === 0) {
        throw new CommandError("Variable not found");
      }
      return lines.join("");
    },
  },
];

async function showInfo({ control, args: [form] }: Invocation) {
  if (form !== undefined && form !== "json" && form !== "typed") {
    throw new CommandError(`Unknown form '${form.slice(0, 40)}'.`);
  }
  const fields = await infoFields(control);
  if (form === "json") {
    return `${JSON.stringify(fields.map((field) => jsonField(field)))}\n`;
  }
  return fields.map((field) =>
    form === "typed"
      ? `${field.position}.${field.name}.1${typedEnd(field)}\n`
      : `${field.name}: ${field.value}\n`
  ).join("");
}

async function infoFields(
  { process, plane, traffic, journal }: Invocation["control"],
): Promise<Field[]> {
  const now = process.process();
  const { listeners } = await traffic.traffic();
  const cap = (kind: string, key: string) =>
    plane.overrides.get(kind, key) as number | undefined;
  const stats = await plane.stats();
  const sum = (of: (listener: (typeof listeners)[number]) => number) =>
    listeners.reduce((total, listener) => total + of(listener), 0);
  const seconds = Math.floor((Date.now() - now.startedAt) / 1000);
  const megabytes = Math.round(now.memory / 2 ** 20);
  const row = (
    position: number,
    name: string,
    kind: FieldKind,
    value: string | number,
  ): Field => ({ position, name, ...kind, value });
  return [
    row(0, "Name", TEXT, "mailferry"),
    row(1, "Version", TEXT, now.version),
    row(3, "Nbthread", SETTING, now.workers),
    row(4, "Nbproc", SETTING, 1),
    row(5, "Process_num", { tags: "KGP", type: "u32" }, 1),
    row(6, "Pid", { tags: "SGP", type: "u32" }, now.pid),
    row(7, "Uptime", { tags: "MDP", type: "str" }, uptime(seconds)),
    row(8, "Uptime_sec", DURATION, seconds),
    row(10, "PoolAlloc_MB", GAUGE, megabytes),
    row(11, "PoolUsed_MB", GAUGE, megabytes),
    row(13, "Ulimit-n", LIMIT, now.openFiles),
    row(
      15,
      "Maxconn",
      LIMIT,
      Math.min(
        sum(({ limit }) => limit),
        cap("maxconn-global", "global") ?? Infinity,
      ),
    ),
    row(17, "CurrConns", GAUGE, sum((listener) => listener.now)),
    row(18, "CumConns", COUNTER, sum(({ total }) => total)),
    row(26, "ConnRate", RATE, sum(({ rate }) => rate)),
    row(27, "ConnRateLimit", LIMIT, cap("rate-limit", "connections") ?? 0),
    row(
      28,
      "MaxConnRate",
      MOST,
      Math.max(0, ...listeners.map((l) => l.mostRate)),
    ),
    row(50, "node", { tags: "COS", type: "str" }, now.hostname),
    row(52, "Stopping", GAUGE, now.stopping ? 1 : 0),
    row(53, "Jobs", GAUGE, stats.active_connections + listeners.length),
    row(55, "Listeners", GAUGE, listeners.length),
    row(61, "TotalBytesOut", BYTES, sum(({ bytesOut }) => bytesOut)),
    row(
      70,
      "Start_time_sec",
      DURATION,
      Math.floor(now.startedAt / 1000),
    ),
    row(OWN, "Config_generation", GAUGE, now.configGeneration),
    row(OWN + 1, "Cache_entries", GAUGE, stats.cache_entries),
    row(OWN + 2, "Cache_hits", COUNTER, stats.cache_hits),
    row(OWN + 3, "Cache_misses", COUNTER, stats.cache_misses),
    row(OWN + 4, "Errors_captured", COUNTER, journal.errors.total),
    row(
      OWN + 5,
      "Login_rate_limit",
      LIMIT,
      cap("rate-limit", "logins") ?? 0,
    ),
  ];
}

async function showActivity({ control }: Invocation): Promise<string> {
  const workers = await control.process.activity();
  const figures = {
    sessions: workers.map(({ sessions }) => sessions),
    pending_pairs: workers.map(({ pendingPairs }) => pendingPairs),
    routes: workers.map(({ routes }) => routes),
    heap_used: workers.map(({ heapUsed }) => heapUsed),
  };
  const seconds = (Date.now() / 1000).toFixed(6);
  const lines = Object.entries(figures).map(([name, values]) => {
    const total = values.reduce((sum, value) => sum + value, 0);
    return `${name}: ${total} [ ${values.join(" ")} ]\n`;
  });
  return `workers: ${workers.length}\ndate_now: ${seconds}\n${lines.join("")}`;
}

/** `2d 3h04m05s`. */
function uptime(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${Math.floor(seconds / 86400)}d ${
    Math.floor(seconds % 86400 / 3600)
  }h${two(seconds % 3600 / 60)}m${two(seconds % 60)}s`;
}

/** A value cannot end its line, nor the answer. */
function oneLine(value: string): string {
  // deno-lint-ignore no-control-regex
  return value.replace(/[\0-\x1f\x7f]/g, " ");
}
