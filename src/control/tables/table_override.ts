/** A table as it was changed at run time: what is other than in the configuration, or all of it. */
import { z } from "zod";
import type { Content } from "./versions.ts";

/** `entries`: everything, after it was cleared or replaced. Entries are those of the kind, keys are texts. */
export type TableOverride<E> =
  | { readonly add: readonly E[]; readonly remove: readonly string[] }
  | { readonly entries: readonly E[] };

/** How entries stand in an override. */
export interface EntryForm<E> {
  is(value: unknown): value is E;
  of(key: string, value: string): E;
  /** Key and value. */
  parts(entry: E): readonly [string, string];
}

/** Longer lists are counted where overrides are listed. */
const MOST_SHOWN = 100;

/** An acl's entry is the range. */
export const rangeForm: EntryForm<string> = {
  is: (value) => typeof value === "string",
  of: (key) => key,
  parts: (range) => [range, ""],
};

/** A map's entry is the key and the value. */
export const pairForm: EntryForm<readonly [string, string]> = {
  is: (value): value is readonly [string, string] =>
    Array.isArray(value) && value.length === 2 &&
    value.every((part) => typeof part === "string"),
  of: (key, value) => [key, value],
  parts: (pair) => pair,
};

/**
 * The schema of an override. What was found to be one is not looked through again, and comes out as the
 * same object: what was made of it can be kept.
 */
export function tableOverrideSchema<E>(
  form: EntryForm<E>,
  isAcceptable: (key: string, value: string) => boolean,
): z.ZodType<TableOverride<E>> {
  const known = new WeakSet<object>();
  const isEntry = (entry: unknown) =>
    form.is(entry) && isAcceptable(...form.parts(entry));
  const isOverride = (value: unknown): value is TableOverride<E> => {
    if (typeof value !== "object" || value === null) return false;
    if (known.has(value)) return true;
    const { entries, add, remove, ...more } = value as Record<string, unknown>;
    const lists = entries === undefined ? [add, remove] : [entries];
    const isWhole = Object.keys(more).length === 0 &&
      Object.keys(value).length === lists.length &&
      lists.every((list) => Array.isArray(list)) &&
      (lists[0] as unknown[]).every(isEntry) &&
      ((remove ?? []) as unknown[]).every((key) => typeof key === "string");
    if (isWhole) known.add(value);
    return isWhole;
  };
  return z.custom<TableOverride<E>>(isOverride, {
    error: "must be lists `add` and `remove`, or one `entries`",
  });
}

/** What is in force where `override` stands over what is configured. */
export function laid<E>(
  configured: Content,
  override: TableOverride<E> | undefined,
  form: EntryForm<E>,
): Content {
  if (override === undefined) return configured;
  if ("entries" in override) return new Map(override.entries.map(form.parts));
  const content = new Map(configured);
  for (const key of override.remove) content.delete(key);
  for (const entry of override.add) content.set(...form.parts(entry));
  return content;
}

/** The override that makes `wanted` of what is configured; undefined where that needs none. */
export function overrideOf<E>(
  configured: Content,
  wanted: Content,
  isWhole: boolean,
  form: EntryForm<E>,
): TableOverride<E> | undefined {
  const add: E[] = [];
  for (const [key, value] of wanted) {
    if (configured.get(key) !== value) add.push(form.of(key, value));
  }
  const remove = [...configured.keys()].filter((key) => !wanted.has(key));
  if (add.length === 0 && remove.length === 0) return undefined;
  return isWhole
    ? { entries: Array.from(wanted, ([key, value]) => form.of(key, value)) }
    : { add, remove };
}

/** As it is listed: long lists as their lengths. */
export function shownOverride<E>(
  override: TableOverride<E>,
): Record<string, readonly (E | string)[] | number> {
  const lists: [string, readonly (E | string)[]][] = Object.entries(override);
  return Object.fromEntries(
    lists.map(([name, list]) => [
      name,
      list.length > MOST_SHOWN ? list.length : list,
    ]),
  );
}
