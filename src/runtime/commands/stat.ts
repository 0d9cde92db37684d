/** `show stat` and `clear counters`. */
import { type Command, CommandError, type Invocation } from "../command.ts";
import { jsonField, typedEnd } from "../stat_fields.ts";
import {
  BACKEND,
  fieldsOf,
  FRONTEND,
  SERVER,
  statCsv,
  statRows,
  type StatValues,
} from "../stat_rows.ts";

/** Of each `type` column: its bit in a selection, its letter and its name in the other forms. */
const OBJECTS: Readonly<
  Record<number, { bit: number; letter: string; name: string }>
> = {
  [FRONTEND]: { bit: 1, letter: "F", name: "Frontend" },
  [BACKEND]: { bit: 2, letter: "B", name: "Backend" },
  [SERVER]: { bit: 4, letter: "S", name: "Server" },
};

type Form = "csv" | "json" | "typed";

export const statCommands: readonly Command[] = [
  {
    words: ["show", "stat"],
    args: [
      { text: "<iid>|<name> <type> <sid>", optional: true },
      { text: "json|typed|up|no-maint", optional: true, repeated: true },
    ],
    level: "user",
    help: "report counters for each listener, leg and destination",
    description:
      "CSV with HAProxy's columns, those without a meaning here empty: a `FRONTEND` row for each listener, and for each destination a row for each of its legs (`pxname` the destination, `svname` the protocol) and a `BACKEND` row. `econ` counts failures to connect, `eresp` those after that, `dreq` what `[limits]` refused, `dcon` what `max_connections` did, `ereq` clients that broke their protocol or its time. `<type>` selects 1 listeners, 2 destinations, 4 legs, or their sum; -1 is everything in each place.",
    run: showStat,
  },
  {
    words: ["clear", "counters"],
    args: [{ text: "all", optional: true }],
    level: "operator",
    changes: true,
    help: "clear max statistics counters (or all counters)",
    description:
      "Those of `show stat`; `all` needs admin. The metrics for Prometheus go on: a counter that falls would be read as a restart.",
    run({ control: { traffic }, dialogue, args }) {
      if (args[0] !== undefined && args[0] !== "all") {
        throw new CommandError("'clear counters' takes nothing but 'all'.");
      }
      const all = args[0] === "all";
      if (all && dialogue.level !== "admin") {
        throw new CommandError("Permission denied");
      }
      traffic.clearTraffic(all);
      return "";
    },
  },
];

async function showStat(
  { control, dialogue, args }: Invocation,
): Promise<string> {
  const words = [...args];
  const selection = /^-?\d+$/.test(words[1] ?? "") ? words.splice(0, 3) : [];
  let form: Form = "csv";
  const hidden = new Set<string | number>();
  for (const word of words) {
    if (word === "json" || word === "typed") form = word;
    else if (word === "up") hidden.add("DOWN").add("MAINT");
    else if (word === "no-maint") hidden.add("MAINT");
    else throw new CommandError(`Unknown form '${word.slice(0, 40)}'.`);
  }
  const { stopping } = control.process.process();
  const rows = statRows(await control.traffic.traffic(), { stopping })
    .filter((row) => row.type !== SERVER || !hidden.has(row.status!))
    .map((row) => dialogue.level === "user" ? withoutAddress(row) : row);
  const chosen = select(rows, selection);
  if (form === "csv") return statCsv(chosen);
  return form === "json" ? json(chosen) : typed(chosen);
}

/** Rows by number or name of their proxy, kind and number of the leg, as HAProxy selects them. */
function select(
  rows: readonly StatValues[],
  [proxy = "-1", kinds = "-1", sid = "-1"]: readonly string[],
): readonly StatValues[] {
  const isOf = (row: StatValues) =>
    proxy === "-1" || row.pxname === proxy || String(row.iid) === proxy;
  if (!rows.some(isOf)) throw new CommandError("No such proxy.");
  const mask = Number(kinds);
  return rows.filter((row) => {
    const { bit } = OBJECTS[Number(row.type)]!;
    return isOf(row) && (mask === -1 || (mask & bit) !== 0) &&
      (sid === "-1" || row.type !== SERVER || String(row.sid) === sid);
  });
}

/** Where backends are is nothing for whoever may only count. */
function withoutAddress({ addr: _, ...row }: StatValues): StatValues {
  return row;
}

function typed(rows: readonly StatValues[]): string {
  return rows.flatMap((row) => {
    const { letter } = OBJECTS[Number(row.type)]!;
    return fieldsOf(row).map((field) =>
      `${letter}.${row.iid}.${row.sid}.${field.position}.${field.name}.1${
        typedEnd(field)
      }\n`
    );
  }).join("");
}

function json(rows: readonly StatValues[]): string {
  const objects = rows.map((row) => {
    const objType = OBJECTS[Number(row.type)]!.name;
    return fieldsOf(row).map((field) =>
      jsonField(field, { objType, proxyId: row.iid, id: row.sid })
    );
  });
  return `${JSON.stringify(objects)}\n`;
}
