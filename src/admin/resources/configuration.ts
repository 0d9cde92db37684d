/** What the routes of the configuration have in common. */
import { z } from "zod";
import { DocumentError } from "../../config/document/error.ts";
import type { Json } from "../../config/document/json.ts";
import { type ControlCode, ControlError } from "../../control/api.ts";
import type { LiveConfig } from "../../control/api_config.ts";
import { AdminError } from "../route.ts";

export const mustRevalidate = {
  schema: z.string(),
  required: false,
  summary:
    "`must-revalidate` puts the configuration in force again even where nothing has changed",
  header: "Cache-Control",
} as const;

export const ifMatch = {
  schema: z.string(),
  required: false,
  summary: "An `Etag` as it was read; 412 where its scope has changed since",
  header: "If-Match",
} as const;

export const stale = {
  status: 412,
  summary: "The scope of `If-Match` has changed",
} as const;

export function forced(values: Readonly<Record<string, unknown>>): boolean {
  return /(^|[ ,])must-revalidate($|[ ,])/i
    .test(String(values["cache-control"] ?? ""));
}

/** With its secrets. DocumentError (invalid). */
export function completed(wanted: Json | null, config: LiveConfig): Json {
  if (wanted === null) {
    throw new DocumentError(
      "invalid",
      "null is no configuration: DELETE unloads it",
    );
  }
  return config.restore(wanted);
}

const CODES: Readonly<
  Record<Exclude<DocumentError["code"], "unsupported">, ControlCode>
> = {
  invalid: "invalid",
  absent: "unknown",
  exists: "conflict",
  stale: "stale",
};

/** Runs what works on documents; what it refuses is answered like refusals of the control plane. */
export async function refusable<T>(act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    if (error.code === "unsupported") throw new AdminError(415, error.message);
    throw new ControlError(CODES[error.code], error.message);
  }
}
