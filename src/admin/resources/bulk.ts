/** All mappings at once: out of the store, and into it. */
import { z } from "zod";
import { IMPORT_MODES, type ImportReport } from "../../control/api_bulk.ts";
import { quality } from "../../observe/exposition.ts";
import {
  CONTENT_TYPES,
  formatRow,
  headOf,
  ROW_FORMATS,
  type RowFormat,
} from "../../store/rows/formats.ts";
import type { Mapping } from "../../store/store.ts";
import { unsupported } from "../body.ts";
import {
  type BodyDeclaration,
  defaultRefusals,
  route,
  streamedResponse,
} from "../route.ts";
import { importReportSchema, trueOrFalse } from "../schemas.ts";

const { invalid, failed, "read-only": readOnly } = defaultRefusals;

const TYPES = [
  CONTENT_TYPES.ndjson,
  CONTENT_TYPES.tsv,
  CONTENT_TYPES.csv,
] as const;

/** What `GET /mappings/export` has of the number of mappings. */
export const TOTAL_HEADER = "x-total-count";

const format = {
  schema: z.enum(ROW_FORMATS),
  required: false,
} as const;

const body = {
  summary:
    "The mappings, one a line, of any size: objects with `identifier` and `destination`, or these two in this order",
  types: TYPES,
  streamed: true,
} as const satisfies BodyDeclaration;

const STATUS: Readonly<Record<ImportReport["result"], number>> = {
  imported: 200,
  checked: 200,
  refused: 422,
  failed: 500,
};

export const bulkRoutes = [
  route({
    method: "GET",
    path: "/mappings/export",
    summary: "All mappings, one a line",
    description:
      "As NDJSON, TSV (which is a mapping file) or CSV (with a heading), by `format` or the Accept header; NDJSON where neither says. The answer is as long as the store has mappings and is read from it page by page; when the store fails meanwhile, it is cut short, which HTTP tells from its end.",
    role: "viewer",
    parameters: {
      destination: {
        schema: z.string(),
        required: false,
        summary: "Only mappings to this destination",
      },
      format: { ...format, summary: "In place of the Accept header" },
    },
    form: "stream",
    response: streamedResponse(TYPES),
    headers: {
      [TOTAL_HEADER]:
        "how many mappings there are, where the store knows that and all are asked for",
    },
    refusals: {
      failed: {
        status: 500,
        summary: "The store did not answer, or cannot list its mappings",
      },
    },
    cli: { verb: ["mappings", "export"], positional: [] },
    async handle({ control, request, values, setHeader, closing }) {
      const format = values.format ?? accepted(request.headers.get("accept"));
      const { total, pages } = await control.bulk.export(
        values.destination ?? null,
      );
      if (total !== null) setHeader(TOTAL_HEADER, String(total));
      return {
        type: CONTENT_TYPES[format],
        body: streamed(pages, format, closing),
      };
    },
  }),
  route({
    method: "POST",
    path: "/mappings/import",
    summary: "Write many mappings into the store",
    description:
      "NDJSON, TSV or CSV by `format` or the content type; a byte order mark, CRLF, empty lines and a heading `identifier,destination` are taken. Mappings of other accounts stay. Of lines for the same account the last one counts. A bad line is one that cannot be read, whose account nobody can have or the store cannot keep, or whose destination is not declared; `errors` names the first 100. `all-or-nothing` writes nothing where a line is bad, up to 2,000,000 accounts; with Redis or SQL what was written is put back when a write fails. `best-effort` writes the good lines. Afterwards no login uses the old mappings; sessions stay. One import at a time.",
    role: "operator",
    parameters: {
      format: { ...format, summary: "In place of the content type" },
      mode: {
        schema: z.enum(IMPORT_MODES),
        required: false,
        summary:
          "What becomes of the good lines where one is bad: `all-or-nothing` is the default",
      },
      dry_run: {
        schema: trueOrFalse,
        required: false,
        summary: "`true`: judge every line and write nothing",
      },
    },
    body,
    form: "json",
    response: importReportSchema,
    outcomes: {
      422:
        "Nothing was written: there are bad lines, or too many accounts to be written together",
      500:
        "The store failed, or the body broke off; `problem` says why, and `written` how much is written all the same",
    },
    refusals: {
      invalid,
      conflict: { status: 409, summary: "Another import is under way" },
      "read-only": readOnly,
      failed,
    },
    cli: { verb: ["mappings", "import"], positional: ["file"] },
    async handle(call) {
      const { control, values, body: { type, stream }, note, setStatus } = call;
      const format = values.format ?? formatOf(type);
      if (format === undefined) throw unsupported(body);
      const report = await control.bulk.import({
        rows: stream ?? new ReadableStream({ start: (c) => c.close() }),
        format,
        mode: values.mode ?? "all-or-nothing",
        dryRun: values.dry_run === "true",
        signal: call.closing,
      });
      const { result, lines, written, bad_lines } = report;
      note({
        parameters: {
          lines: String(lines),
          written: String(written),
          bad_lines: String(bad_lines),
        },
        result,
      });
      setStatus(STATUS[result]);
      return report;
    },
  }),
];

function formatOf(type: string): RowFormat | undefined {
  return ROW_FORMATS.find((format) => CONTENT_TYPES[format] === type);
}

/** The one that is liked best, the first of those liked alike. */
function accepted(accept: string | null): RowFormat {
  if (accept === null) return "ndjson";
  const liking = (format: RowFormat) => quality(accept, CONTENT_TYPES[format]);
  return ROW_FORMATS.reduce((best, format) =>
    liking(format) > liking(best) ? format : best
  );
}

/** Pages are asked for as fast as the client reads; cut short when the server closes. */
function streamed(
  pages: AsyncIterable<readonly Mapping[]>,
  format: RowFormat,
  closing: AbortSignal,
): ReadableStream<Uint8Array> {
  return ReadableStream.from(textOf(pages, format))
    .pipeThrough(new TextEncoderStream(), { signal: closing });
}

async function* textOf(
  pages: AsyncIterable<readonly Mapping[]>,
  format: RowFormat,
): AsyncGenerator<string> {
  yield headOf(format);
  for await (const rows of pages) {
    yield rows.map((each) => formatRow(format, each)).join("");
  }
}
