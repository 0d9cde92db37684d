/** The rows of `show stat`, from what the proxy counts. */
import type {
  DestinationTraffic,
  LegTraffic,
  ListenerTraffic,
  Load,
  TrafficView,
} from "../control/api_traffic.ts";
import { formatEndpoint } from "../net/address.ts";
import { type ColumnName, COLUMNS, KINDS } from "./stat_columns.ts";
import type { Field } from "./stat_fields.ts";

export type StatValues = Readonly<
  Partial<Record<ColumnName, string | number>>
>;

/** HAProxy's `type` column; a listener is a frontend here. */
export const FRONTEND = 0;
export const BACKEND = 1;
export const SERVER = 2;

/** Whether the whole proxy is going away. */
export interface StatContext {
  readonly stopping: boolean;
}

/**
 * A FRONTEND row for each listener; for each destination a row for each of its legs and a BACKEND
 * row. Numbers (`iid`, `sid`) are given in the order of the configuration, from 1.
 */
export function statRows(
  { listeners, destinations }: TrafficView,
  context: StatContext,
): StatValues[] {
  const rows: StatValues[] = listeners.map((listener, i) =>
    listenerRow(listener, i + 1, context)
  );
  for (const [i, destination] of destinations.entries()) {
    const iid = listeners.length + 1 + i;
    destination.legs.forEach((leg, j) =>
      rows.push(legRow(destination.destination, leg, iid, j + 1))
    );
    rows.push(destinationRow(destination, iid));
  }
  return rows;
}

function listenerRow(
  listener: ListenerTraffic,
  iid: number,
  { stopping }: StatContext,
): StatValues {
  return {
    pxname: listener.listener,
    svname: "FRONTEND",
    ...loadColumns(listener),
    slim: listener.limit,
    dreq: listener.denied,
    ereq: listener.faults,
    status: stopping || listener.isStopped
      ? "STOP"
      : listener.now >= listener.limit
      ? "FULL"
      : "OPEN",
    ...numbers(iid, 0, FRONTEND),
    mode: listener.protocol,
    conn_rate: listener.rate,
    conn_rate_max: listener.mostRate,
    conn_tot: listener.total,
    dcon: listener.refused,
    eint: listener.internal,
  };
}

function legRow(
  destination: string,
  leg: LegTraffic,
  iid: number,
  sid: number,
): StatValues {
  return {
    pxname: destination,
    svname: leg.protocol,
    ...loadColumns(leg),
    econ: leg.connectFailures,
    eresp: leg.lateFailures,
    status: legStatus(leg),
    weight: 1,
    act: 1,
    bck: 0,
    chkfail: leg.connectFailures + leg.lateFailures,
    chkdown: leg.downs,
    lastchg: leg.changedSeconds,
    downtime: leg.downSeconds,
    ...numbers(iid, sid, SERVER),
    lbtot: leg.total,
    lastsess: leg.idleSeconds ?? -1,
    addr: formatEndpoint(leg.host, leg.port),
    mode: leg.protocol,
  };
}

function destinationRow(
  destination: DestinationTraffic,
  iid: number,
): StatValues {
  const { legs } = destination;
  const sum = (of: (leg: LegTraffic) => number) =>
    legs.reduce((total, leg) => total + of(leg), 0);
  const up = legs.filter((leg) => legStatus(leg) === "UP");
  return {
    pxname: destination.destination,
    svname: "BACKEND",
    ...loadColumns(destination),
    econ: sum((leg) => leg.connectFailures),
    eresp: sum((leg) => leg.lateFailures),
    status: up.length > 0 ? "UP" : statusWithoutLegs(legs),
    weight: up.length,
    act: up.length,
    bck: 0,
    chkdown: sum((leg) => leg.downs),
    lastchg: legs.length === 0
      ? 0
      : Math.min(...legs.map((leg) => leg.changedSeconds)),
    ...numbers(iid, 0, BACKEND),
    lbtot: destination.total,
    lastsess: destination.idleSeconds ?? -1,
  };
}

/** Of a destination of which no leg takes logins: HAProxy tells maintenance from failure. */
function statusWithoutLegs(legs: readonly LegTraffic[]): string {
  const isWanted = legs.length > 0 &&
    legs.every((leg) => legStatus(leg) === "MAINT");
  return isWanted ? "MAINT" : "DOWN";
}

/** What a leg is for new logins. */
export function legStatus(
  { wanted, isDown }: LegTraffic,
): "UP" | "DOWN" | "DRAIN" | "MAINT" {
  if (wanted === "maint") return "MAINT";
  if (isDown) return "DOWN";
  return wanted === "drain" ? "DRAIN" : "UP";
}

function loadColumns(load: Load): StatValues {
  return {
    scur: load.now,
    smax: load.most,
    stot: load.total,
    bin: load.bytesIn,
    bout: load.bytesOut,
    rate: load.rate,
    rate_max: load.mostRate,
  };
}

function numbers(iid: number, sid: number, type: number): StatValues {
  return { pid: 1, iid, sid, type };
}

/** The filled fields of a row, in the order of the columns. */
export function fieldsOf(row: StatValues): Field[] {
  return Object.entries(row).map(([name, value]) => ({
    ...KINDS[name as ColumnName],
    position: COLUMNS.indexOf(name),
    name,
    value: value!,
  })).sort((a, b) => a.position - b.position);
}

/** `show stat` as CSV, the header first. */
export function statCsv(rows: readonly StatValues[]): string {
  const lines = rows.map((row) =>
    COLUMNS.map((name) => csvValue(row[name as ColumnName])).join(",")
  );
  return [`# ${COLUMNS.join(",")}`, ...lines].map((line) => `${line},\n`)
    .join("");
}

/** Quoted where it has to be (RFC 4180 section 2): an operator may have a comma in a name. */
function csvValue(value: string | number | undefined): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
