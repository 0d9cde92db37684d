/** Bodies and answers of any size: sent and printed while they are read, with a progress bar on a terminal. */
import { TOTAL_HEADER } from "../admin/resources/bulk.ts";
import type { ByteStream } from "../net/byte_stream.ts";
import { close } from "../net/bridge.ts";
import type { StreamedBody } from "./admin_client.ts";
import { type HttpAnswer, textOf } from "./http_answer.ts";
import { CtlError, type CtlIo, type ExitCode, exits } from "./io.ts";
import { Progress } from "./progress.ts";

/** A server that sends nothing for so long sends nothing any more. */
const SILENT_MS = 60_000;

const NEWLINE = 10;

/** Formats of rows by the endings of files. */
const ENDINGS: Readonly<Record<string, string>> = {
  ndjson: "ndjson",
  jsonl: "ndjson",
  tsv: "tsv",
  csv: "csv",
};

/** The format that a file's name says. Throws CtlError (usage) where it says none. */
export function formatOfFile(file: string): string {
  const ending = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase() ?? "";
  const format = ENDINGS[ending];
  if (format !== undefined) return format;
  throw new CtlError(
    exits.usage,
    `what is in ${file}? Name it .ndjson, .tsv or .csv, or say --format`,
  );
}

/** A file as the body of a request. `progress` is told what was sent. */
export async function fileBody(
  file: string,
  io: CtlIo,
  progress: Progress,
): Promise<StreamedBody> {
  const { size, chunks } = await io.open(file).catch((error) => {
    throw unreadable(file, error);
  });
  return { size, chunks: counted(file, chunks, size, progress) };
}

async function* counted(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  total: number | null,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  let rows = 0;
  try {
    for await (const chunk of chunks) {
      yield chunk;
      done += chunk.length;
      rows += newlines(chunk);
      progress.update({ done, total, rows });
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  progress.say("all is sent, the proxy is writing");
}

/** Print the answer of a `stream` route while it comes. */
export async function printStream(
  { status, headers, body }: HttpAnswer,
  stream: ByteStream,
  io: CtlIo,
): Promise<ExitCode> {
  const answer = { status, headers, body };
  if (status !== 200) {
    io.err(await textOf(answer));
    return status === 404 ? exits.notFound : exits.refused;
  }
  // Where the rows themselves are on the terminal, they are progress enough.
  const progress = new Progress(io.isTerminal("out") ? null : barOf(io));
  const total = Number(headers.get(TOTAL_HEADER) ?? NaN);
  let rows = 0;
  let silent = setTimeout(close, SILENT_MS, stream);
  try {
    for await (const bytes of body) {
      clearTimeout(silent);
      io.write(bytes);
      rows += newlines(bytes);
      progress.update({
        done: rows,
        total: Number.isNaN(total) ? null : total,
        rows,
      });
      silent = setTimeout(close, SILENT_MS, stream);
    }
  } finally {
    clearTimeout(silent);
    progress.end();
  }
  return exits.ok;
}

/** Where a progress bar goes; null where standard error is no terminal. */
export function barOf(io: CtlIo): ((text: string) => void) | null {
  return io.isTerminal("err") ? (text) => io.err(text) : null;
}

function newlines(bytes: Uint8Array): number {
  let count = 0;
  for (
    let at = bytes.indexOf(NEWLINE);
    at >= 0;
    at = bytes.indexOf(NEWLINE, at + 1)
  ) count++;
  return count;
}

function unreadable(file: string, error: unknown): CtlError {
  const reason = error instanceof Error ? error.message : String(error);
  return new CtlError(exits.usage, `cannot read ${file}: ${reason}`);
}
