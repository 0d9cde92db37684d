import { StoreError } from "../store.ts";

/** First words of answers by which a server says that it takes no command of this client now. */
const NOT_NOW = new Set([
  "BUSY",
  "CLUSTERDOWN",
  "LOADING",
  "MASTERDOWN",
  "NOAUTH",
  "TRYAGAIN",
  "WRONGPASS",
]);

/** What it means that a connection could not be made or was lost, by the code of the error. */
const BROKEN: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was closed",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the host cannot be reached",
  ENOTFOUND: "the name of the host cannot be resolved",
  EAI_AGAIN: "the name of the host cannot be resolved",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "no connection could be made in time",
};

const CLOSED = "the connection was closed";

/** An answer of the server, by which it refuses what it was asked. */
export function isAnswer(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** Whether the server is a replica, which takes no writes. */
export function isReadOnly(error: unknown): boolean {
  return isAnswer(error) && error.message.startsWith("READONLY");
}

/** What a failed read means. */
export function readFailure(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (isAnswer(error) && error.message.startsWith("WRONGTYPE")) {
    return new StoreError("bad-data", "what is stored for it is no string");
  }
  return lost(error);
}

/** What a failed listing means: lookups do without the right to list. */
export function listFailure(error: unknown): StoreError {
  if (!isAnswer(error) || firstWord(error) !== "NOPERM") {
    return readFailure(error);
  }
  return new StoreError(
    "bad-data",
    `mappings cannot be listed: ${error.message}`,
  );
}

/** What a failed write means. */
export function writeFailure(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (!isAnswer(error) || NOT_NOW.has(firstWord(error))) return lost(error);
  return new StoreError(
    "write-failed",
    `the server refused the write: ${error.message}`,
  );
}

/** Nothing else would be answered either. */
export function lost(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError("unavailable", describe(error), undefined, {
    cause: error,
  });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return CLOSED;
  if (isAnswer(error)) return `the server answers: ${error.message}`;
  // A cluster says what became of the last node that it asked.
  const { lastNodeError: last } = error as { lastNodeError?: unknown };
  if (last !== undefined) return describe(last);
  return BROKEN[(error as { code?: string }).code ?? ""] ?? CLOSED;
}

function firstWord(error: Error): string {
  return error.message.split(" ")[0]!;
}
