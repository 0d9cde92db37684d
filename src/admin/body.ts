/** The body of a request, bounded and as text. */
import { Buffer } from "node:buffer";
import { AdminError, type BodyDeclaration } from "./route.ts";

/** A configuration is never larger. */
export const BODY_LIMIT = 16 * 1024 * 1024;

export interface RequestBody {
  /** One of the declared types, without its parameters. */
  readonly type: string;
  readonly text: string;
}

/**
 * Reads what a route declares. AdminError 415 for another content type, 413 for what is larger than
 * BODY_LIMIT, of which no more than that is kept, 400 for what is not UTF-8.
 */
export async function readBody(
  request: Request,
  declared: BodyDeclaration | undefined,
): Promise<RequestBody> {
  if (declared === undefined) return { type: "", text: "" };
  const type = (request.headers.get("content-type") ?? declared.types[0])
    .split(";", 1)[0]!.trim().toLowerCase();
  if (!declared.types.includes(type)) {
    const types = declared.types.join(", ");
    const choice = declared.types.length === 1 ? types : `one of ${types}`;
    throw new AdminError(
      415,
      `unsupported content type: must be ${choice}`,
      { accept: types },
    );
  }
  const bytes = await readBounded(request);
  try {
    return {
      type,
      text: new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    };
  } catch {
    throw new AdminError(400, "the body is not UTF-8");
  }
}

async function readBounded(request: Request): Promise<Uint8Array> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > BODY_LIMIT) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  await eachChunk(request, (chunk) => {
    length += chunk.length;
    if (length > BODY_LIMIT) throw tooLarge();
    chunks.push(chunk);
    return true;
  });
  return Buffer.concat(chunks);
}

/** As much as this is read to be thrown away, for as long as this. */
const DISCARD_LIMIT = 4 * BODY_LIMIT;
const DISCARD_MS = 10_000;

/**
 * Reads and throws away what is left of a body, within bounds: over HTTP/2 an answer to a request that
 * is still being sent is lost. A client that asked before it sends (RFC 9110 10.1.1) sends nothing.
 */
export async function discardBody(request: Request): Promise<void> {
  if (!request.body || request.headers.has("expect")) return;
  let left = DISCARD_LIMIT;
  await eachChunk(request, ({ length }) => (left -= length) > 0, DISCARD_MS)
    .catch(() => {});
}

/** Reads until the end, for `ms` at most, or until `take` answers false or throws; what is unread stays so. */
async function eachChunk(
  request: Request,
  take: (chunk: Uint8Array) => boolean,
  ms?: number,
): Promise<void> {
  const reader = request.body?.getReader();
  if (!reader) return;
  const giveUp = () => void reader.cancel().catch(() => {});
  const timer = ms === undefined ? undefined : setTimeout(giveUp, ms);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !take(value)) return;
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}

function tooLarge(): AdminError {
  return new AdminError(413, `the body is larger than ${BODY_LIMIT} bytes`);
}
