/** What a configuration serves, in words, and the command `check` without its probes. */
import { isIP } from "node:net";
import { legForwarding, serverName } from "./effective.ts";
import type { Env } from "./environment.ts";
import { formatProblem } from "./issues.ts";
import { openConfig } from "./load.ts";
import { PROTOCOLS } from "./protocols.ts";
import type { ResourceHost, Resources } from "./resources.ts";
import type {
  ClusterConfig,
  Config,
  DestinationConfig,
  LegConfig,
} from "./schema.ts";
import type { ExtractConfig } from "./schema_http.ts";
import { parseSqlUrl } from "./sql_url.ts";

/** sysexits.h EX_CONFIG: the configuration does not validate. */
export const EXIT_CONFIG = 78;

export interface CheckResult {
  readonly exitCode: 0 | typeof EXIT_CONFIG;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** `mailferry check CONFIG`: unknown keys are errors here. Problems and warnings go to stderr. */
export async function runCheck(
  path: string,
  env: Env,
  host: ResourceHost,
): Promise<CheckResult> {
  const result = await openConfig(path, { strict: true, env, host });
  const warnings = result.warnings.map((warning) =>
    `warning: ${formatProblem(warning)}`
  );
  if (!result.ok) {
    const { length } = result.problems;
    return {
      exitCode: EXIT_CONFIG,
      stdout: [],
      stderr: [
        ...result.problems.map(formatProblem),
        ...warnings,
        `${path}: ${length} ${length === 1 ? "problem" : "problems"}`,
      ],
    };
  }
  return {
    exitCode: 0,
    stdout: [
      ...describeConfig(result.config, result.resources),
      "",
      `${path}: valid`,
    ],
    stderr: warnings,
  };
}

/** A compact table of what would be served, without secrets. */
function describeConfig(config: Config, resources: Resources): string[] {
  const sections: [string, string[][]][] = [
    ["listeners", listenerRows(config)],
    ["destinations", destinationRows(config)],
    ["certificates", certificateRows(resources)],
    ["mappings", [mappingRow(config)]],
    ["management API", [adminRow(config)]],
  ];
  if (config.http.route.length > 0) {
    sections.push(["http routes", routeRows(config)]);
  }
  if (config.runtime.socket.length > 0) {
    sections.push(["runtime sockets", socketRows(config)]);
  }
  if (config.cluster !== undefined) {
    sections.push(["cluster", [clusterRow(config.cluster)]]);
  }
  return sections.flatMap(([title, rows], i) => [
    ...(i === 0 ? [] : [""]),
    title,
    ...columns(rows),
  ]);
}

function listenerRows(config: Config): string[][] {
  const rows = Object.entries(config.listener).map(([name, listener]) => [
    name,
    listener.protocol,
    listener.tls,
    listener.bind.join(" "),
    `${listener.max_connections} connections`,
  ]);
  return rows.length > 0 ? rows : [["none"]];
}

function destinationRows(config: Config): string[][] {
  return Object.entries(config.destination).flatMap(([name, destination]) => {
    const uses = [
      name === config.routing.default_destination ? "default" : "",
      name === config.routing.smtp_passthrough_destination
        ? "pass-through"
        : "",
    ].filter((use) => use !== "");
    const legs = PROTOCOLS.flatMap((protocol) => {
      const leg = destination.protocol[protocol];
      return leg === undefined ? [] : [[
        `  ${name}`,
        protocol,
        leg.tls,
        isIP(destination.host) === 6
          ? `[${destination.host}]:${leg.port}`
          : `${destination.host}:${leg.port}`,
        `forwarding ${legForwarding(config, name, protocol)}`,
        trust(destination, leg),
      ]];
    });
    const title = uses.length === 0 ? name : `${name} (${uses.join(", ")})`;
    return [[legs.length > 0 ? title : `${title}: no legs`], ...legs];
  });
}

function trust(destination: DestinationConfig, leg: LegConfig): string {
  if (leg.tls === "plain") return "not encrypted";
  if (destination.tls_pinned_cert_sha256 !== undefined) {
    return `pinned to ${destination.tls_pinned_cert_sha256.slice(0, 12)}…`;
  }
  if (destination.tls_allow_invalid_certs) return "certificate not verified";
  const { tls_ca_file: authorities, tls_crl_file: revoked } = destination;
  return `verified as ${serverName(destination)}` +
    (authorities === undefined ? "" : ` by ${authorities}`) +
    (revoked === undefined ? "" : `, not in ${revoked}`);
}

function certificateRows(resources: Resources): string[][] {
  const rows = resources.certificates.map((certificate) => [
    certificate.isDefault ? `${certificate.name} (default)` : certificate.name,
    certificate.subjects.join(" "),
    `until ${certificate.notAfter.toISOString().slice(0, 10)}`,
  ]);
  return rows.length > 0
    ? rows
    : [["signed by the local authority (mailferry trust)"]];
}

function mappingRow(config: Config): string[] {
  const { source, file, sql, on_store_failure, normalize } = config.mapping;
  return [
    source === "file" && file !== undefined
      ? `file ${file.path}`
      : source === "sql" && sql !== undefined
      ? `sql ${databaseOf(sql.url)}`
      : source,
    `normalize ${normalize}`,
    on_store_failure === "default"
      ? "default destination when the store fails"
      : "refused when the store fails",
  ];
}

/** Without user and password. */
function databaseOf(url: string): string {
  const address = parseSqlUrl(url);
  if (address.kind === "sqlite") return `sqlite ${address.path}`;
  const { kind, target, database, tls } = address;
  const place = "path" in target
    ? target.path
    : `${target.host} port ${target.port}, tls ${tls}`;
  return [kind, ...database === "" ? [] : [database], "at", place].join(" ");
}

/** In the order in which they are tried. */
function routeRows({ http }: Config): string[][] {
  return http.route.map(({ match, destination, extract, fallback }) => [
    match,
    extract === undefined
      ? `all to ${destination}`
      : `by ${extract.from}${sought(extract)}`,
    extract === undefined
      ? ""
      : fallback === undefined
      ? "others get 404"
      : `others to ${fallback}`,
  ]);
}

function sought({ from, param, header }: ExtractConfig): string {
  if (from === "query") return ` ${param}`;
  return from === "header" ? ` ${header}` : "";
}

function adminRow(config: Config): string[] {
  return [config.admin === undefined ? "none" : `https://${config.admin.bind}`];
}

function socketRows({ runtime }: Config): string[][] {
  return runtime.socket.map(({ path, bind, mode, level }) => [
    path ?? bind!,
    level,
    path === undefined ? "in clear" : `mode ${mode}`,
  ]);
}

function clusterRow({ bus, prefix, node }: ClusterConfig): string[] {
  return [
    `over ${bus}`,
    `channels ${prefix}`,
    node ?? "name made at the start",
  ];
}

/** Rows indented, their columns aligned. */
function columns(rows: readonly string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    // A row of one cell is a heading and sets no width.
    if (row.length === 1) continue;
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  }
  return rows.map((row) =>
    `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`
      .trimEnd()
  );
}
