/** Mappings as rows of text, one a line. */
import type { Mapping } from "../store.ts";

export const ROW_FORMATS = ["ndjson", "tsv", "csv"] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

export const CONTENT_TYPES = {
  ndjson: "application/x-ndjson",
  tsv: "text/tab-separated-values",
  csv: "text/csv",
} as const satisfies Record<RowFormat, string>;

/** What stands above the rows of a CSV file; a TSV file is a mapping file as it is. */
const COLUMNS = ["identifier", "destination"] as const;

/** In front of the first row, with its line end. */
export function headOf(format: RowFormat): string {
  return format === "csv" ? `${COLUMNS.join(",")}\n` : "";
}

/** True for a line that may stand above the rows and is none. */
export function isHead(format: RowFormat, line: string): boolean {
  return format === "csv" && line === COLUMNS.join(",") ||
    format === "tsv" && line === COLUMNS.join("\t");
}

/** What a line cannot hold. */
const UNWRITABLE = {
  ndjson: null,
  tsv: /\s/,
  csv: /[\r\n]/,
} as const satisfies Record<RowFormat, RegExp | null>;

/**
 * A row with its line end. "" for a mapping that the format has no line for: other programs may have put one
 * into the store, and nobody can log in by such a name.
 */
export function formatRow(
  format: RowFormat,
  { identifier, destination }: Mapping,
): string {
  const unwritable = UNWRITABLE[format];
  if (unwritable?.test(identifier) || unwritable?.test(destination)) return "";
  switch (format) {
    case "ndjson":
      return `${JSON.stringify({ identifier, destination })}\n`;
    case "tsv":
      return `${identifier}\t${destination}\n`;
    case "csv":
      return `${quoted(identifier)},${quoted(destination)}\n`;
  }
}

/** The mapping of a line, not judged yet, or what is wrong with the line. */
export function readRow(format: RowFormat, line: string): Mapping | string {
  if (line.includes("\uFFFD")) return "not valid UTF-8";
  if (line.includes("\0")) return "a NUL byte";
  if (format === "ndjson") return readJson(line);
  const cells = format === "tsv" ? line.split("\t") : readCsv(line);
  if (cells === null) return "a quote that is not closed, or text behind one";
  const [identifier, destination, ...more] = cells;
  if (destination === undefined) {
    return format === "tsv"
      ? "no tab between an identifier and a destination"
      : "no comma between an identifier and a destination";
  }
  if (more.length > 0) return "more than an identifier and a destination";
  return { identifier: identifier as string, destination };
}

function readJson(line: string): Mapping | string {
  // A failure of the parser costs much more than this look.
  if (!line.trimStart().startsWith("{")) return "not a JSON object";
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "not JSON";
  }
  const { identifier, destination } = value as Partial<Mapping>;
  if (typeof identifier !== "string" || typeof destination !== "string") {
    return "no identifier and destination as strings";
  }
  return { identifier, destination };
}

/** RFC 4180 2, of one line: no cell that could be a mapping's has a line break. Null where it is none. */
function readCsv(line: string): string[] | null {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  for (let at = 0; at <= line.length; at++) {
    if (line[at] !== '"') {
      const comma = line.indexOf(",", at);
      const end = comma < 0 ? line.length : comma;
      cells.push(line.slice(at, end));
      at = end;
      continue;
    }
    let end = at + 1;
    for (;; end++) {
      end = line.indexOf('"', end);
      if (end < 0) return null;
      if (line[end + 1] !== '"') break;
      end++;
    }
    cells.push(line.slice(at + 1, end).replaceAll('""', '"'));
    at = end + 1;
    if (at < line.length && line[at] !== ",") return null;
  }
  return cells;
}

function quoted(cell: string): string {
  return /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
