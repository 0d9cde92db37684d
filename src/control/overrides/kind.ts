import type { z } from "zod";
import type { Json } from "../../config/document/json.ts";
import type { Resources } from "../../config/resources.ts";
import type { Config } from "../../config/schema.ts";
import type { Overlay } from "./overlay.ts";

/** A kind of thing that can be set at run time, over what the configuration says. */
export interface OverrideKind<V = unknown> {
  readonly name: string;
  /** What its keys name and its values mean, for the reference page. */
  readonly summary: string;
  readonly value: z.ZodType<V>;
  /** What the configuration says of `key`; undefined where it knows no such thing. */
  base(config: Config, key: string, resources: Resources): Json | undefined;
  /** Lay a value over the configuration. */
  lay(overlay: Overlay, key: string, value: V): void;
  /** The value without secrets, for lists; else as it is. */
  shown?(value: V): Json;
}

/** Declares a kind with its value's type tied to what is done with it. */
export function overrideKind<V>(kind: OverrideKind<V>): OverrideKind {
  // Values are parsed by the kind's own schema before they are laid.
  return kind as unknown as OverrideKind;
}
