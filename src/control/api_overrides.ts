import type { Json } from "../config/document/json.ts";

/** Something that was set at run time. */
export interface OverrideView {
  readonly kind: string;
  /** What it is set of, as its kind names it. */
  readonly key: string;
  /** Without secrets. */
  readonly value: Json;
  /** What the configuration says now; null where it has no such thing any more. */
  readonly configured: Json;
  /**
   * `stale`: the configuration says something else by now than when it was set. `unused`: it has no such
   * thing any more.
   */
  readonly state: "in-force" | "stale" | "unused";
  /** RFC 3339, UTC. */
  readonly set_at: string;
  readonly set_by: string;
}

/** One thing to be set, or with undefined to be as the configuration says. */
export interface OverrideChange {
  readonly kind: string;
  readonly key: string;
  readonly value: Json | undefined;
}

/** What is set at run time, over the configuration. Methods throw ControlError. */
export interface OverrideControl {
  list(): readonly OverrideView[];
  /** The value set of a key, or undefined. */
  get(kind: string, key: string): Json | undefined;
  /** All of `changes` are in force and kept when this resolves, or none is. */
  change(changes: readonly OverrideChange[], by: string): Promise<void>;
  /** Clear what fits, all where nothing is named; answers how many. */
  clear(
    which: { readonly kind?: string; readonly key?: string },
    by: string,
  ): Promise<number>;
}
