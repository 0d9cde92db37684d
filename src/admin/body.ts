/** The body of a request, bounded and as text. */
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
    throw new AdminError(
      415,
      `unsupported content type: must be one of ${declared.types.join(", ")}`,
      { accept: declared.types.join(", ") },
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
  const chunks: Uint8Array[] = [];
  let length = Number(request.headers.get("content-length") ?? 0);
  if (length > BODY_LIMIT) throw tooLarge();
  length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > BODY_LIMIT) throw tooLarge();
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function tooLarge(): AdminError {
  return new AdminError(413, `the body is larger than ${BODY_LIMIT} bytes`);
}
