/** Reads the schema's own structure, for the walk over a document, the reference page and reload rules. */
import { z } from "zod";
import type { KeyMeta } from "./scalars.ts";

/** What a key holds, without its wrappers. */
export type Shape =
  | {
    readonly kind: "table";
    readonly fields: Readonly<Record<string, z.ZodType>>;
  }
  | { readonly kind: "named"; readonly value: z.ZodType }
  | { readonly kind: "tables"; readonly element: z.ZodType }
  | { readonly kind: "value"; readonly type: z.ZodType };

export interface Inspection {
  readonly shape: Shape;
  readonly optional: boolean;
  /** As it would be written in the file; undefined when there is no default. */
  readonly fallback: unknown;
  readonly meta: KeyMeta;
}

export function inspect(schema: z.ZodType): Inspection {
  const meta = (schema.meta() ?? { description: "" }) as KeyMeta;
  let optional = false;
  let fallback: unknown;
  let inner: z.core.$ZodType = schema;
  for (;;) {
    if (inner instanceof z.ZodOptional) optional = true;
    else if (inner instanceof z.ZodPrefault) fallback = inner.def.defaultValue;
    else break;
    inner = inner.def.innerType;
  }
  return { shape: shapeOf(inner as z.ZodType), optional, fallback, meta };
}

function shapeOf(type: z.ZodType): Shape {
  if (type instanceof z.ZodObject) {
    return { kind: "table", fields: type.shape as Record<string, z.ZodType> };
  }
  if (type instanceof z.ZodRecord) {
    return { kind: "named", value: type.valueType as z.ZodType };
  }
  if (type instanceof z.ZodArray && type.element instanceof z.ZodObject) {
    return { kind: "tables", element: type.element };
  }
  return { kind: "value", type };
}

/** A TOML table, as the parser or a JSON document has it. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}
