/** JSON answers for people. */

type Row = Readonly<Record<string, unknown>>;

/** Pads cells so that columns align; the last one is left as it is. */
export function columns(rows: readonly (readonly string[])[], indent = "") {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  }
  return rows.map((row) =>
    indent +
    row.map((cell, i) => i < row.length - 1 ? cell.padEnd(widths[i]!) : cell)
      .join("  ").trimEnd()
  );
}

/**
 * Renders an answer: its plain fields one a line, then each list of objects as a table. Where an
 * item has a list of its own (the legs of a destination), those follow it as indented rows.
 */
export function renderJson(value: unknown): string {
  if (isRows(value) && value.length > 0) return `${table(value).join("\n")}\n`;
  if (!isRow(value)) return `${JSON.stringify(value, null, 2)}\n`;
  const fields = Object.entries(value);
  const plain = fields.filter(([, v]) => !isRows(v));
  const blocks = plain.length === 0 ? [] : [
    columns(plain.map(([name, v]) => [`${name}:`, cell(v)])),
  ];
  for (const [name, v] of fields) {
    if (isRows(v)) blocks.push(v.length === 0 ? [`no ${name}`] : table(v));
  }
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function table(items: readonly Row[]): string[] {
  const names = Object.keys(items[0]!).filter((name) =>
    !isRows(items[0]![name])
  );
  const rows = [names.map((name) => name.toUpperCase())];
  for (const item of items) {
    rows.push(names.map((name) => cell(item[name])));
    for (const nested of Object.values(item).filter(isRows).flat()) {
      const [first, ...others] = names;
      const title = cell(nested[first!] ?? Object.values(nested)[0]);
      rows.push([`  ${title}`, ...others.map((name) => cell(nested[name]))]);
    }
  }
  return columns(rows);
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = typeof value === "object"
    ? JSON.stringify(value)
    : String(value);
  // Names come from clients: no control sequence of theirs reaches the terminal.
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

const isRow = (value: unknown): value is Row =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isRows = (value: unknown): value is readonly Row[] =>
  Array.isArray(value) && value.every(isRow);
