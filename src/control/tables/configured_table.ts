import { mapEntryFault, MOST_ENTRIES } from "../../config/tables.ts";
import type { Json } from "../../config/document/json.ts";
import type { Resources } from "../../config/resources.ts";
import { ControlError } from "../api.ts";
import type { TableEntry } from "../api_tables.ts";
import type { Overrides } from "../overrides/overrides.ts";
import { aclContent, aclKey, rangeOf } from "./acl_content.ts";
import type { Table } from "./table.ts";
import {
  type EntryForm,
  laid,
  overrideOf,
  pairForm,
  rangeForm,
  type TableOverride,
} from "./table_override.ts";
import type { Content } from "./versions.ts";

/** Acls, or maps: where they are, and what their keys are. */
export interface TableKind<E> {
  /** Of the override. */
  readonly name: "acl" | "map";
  readonly form: EntryForm<E>;
  /** Empty where there is no such table. */
  content(resources: Resources, table: string): Content;
  /** A key as it is kept; null for what can be none. */
  keyOf(given: string): string | null;
  judge(entry: TableEntry): TableEntry;
  /** The key under which `given` is found. */
  lookup(content: Content, given: string): string | null;
}

const NOTHING: Content = new Map();

export const aclKind: TableKind<string> = {
  name: "acl",
  form: rangeForm,
  content: ({ acls }, table) => aclContent(acls.get(table) ?? []),
  keyOf: aclKey,
  judge({ key: given }) {
    const key = aclKey(given);
    if (key !== null) return { key, value: "" };
    const shown = given.length > 80 ? `${given.slice(0, 77)}…` : given;
    throw new ControlError(
      "invalid",
      `'${shown}' is not a valid IPv4 or IPv6 address.`,
    );
  },
  lookup: rangeOf,
};

export const mapKind: TableKind<readonly [string, string]> = {
  name: "map",
  form: pairForm,
  content: ({ maps }, table) => maps.get(table) ?? NOTHING,
  keyOf: (given) => given,
  judge(entry) {
    const fault = mapEntryFault(entry.key, entry.value);
    if (fault !== null) throw new ControlError("invalid", fault);
    return entry;
  },
  lookup: (content, key) => content.has(key) ? key : null,
};

/** An acl or a map of the configuration: what is changed at run time is an override of it. */
export class ConfiguredTable<E> implements Table {
  constructor(
    private readonly kind: TableKind<E>,
    readonly name: string,
    readonly description: string,
    private readonly inForce: () => Resources,
    private readonly overrides: Pick<Overrides, "revise">,
  ) {}

  size(): Promise<number> {
    return Promise.resolve(this.#content().size);
  }

  *entries(): Generator<TableEntry> {
    for (const [key, value] of this.#content()) yield { key, value };
  }

  find(given: string): Promise<TableEntry | null> {
    const content = this.#content();
    const key = this.kind.lookup(content, given);
    return Promise.resolve(
      key === null ? null : { key, value: content.get(key)! },
    );
  }

  judge(entry: TableEntry): TableEntry {
    return this.kind.judge(entry);
  }

  async merge(entries: Content, by: string): Promise<void> {
    await this.#change(by, (now) => {
      const wanted = new Map(now);
      for (const entry of entries) wanted.set(...entry);
      return { wanted };
    });
  }

  async remove(given: string, by: string): Promise<boolean> {
    const key = this.kind.keyOf(given);
    if (key === null) return false;
    let existed = false;
    await this.#change(by, (now) => {
      const wanted = new Map(now);
      existed = wanted.delete(key);
      return { wanted };
    });
    return existed;
  }

  async replace(entries: Content, by: string): Promise<void> {
    await this.#change(by, () => ({ wanted: entries, isWhole: true }));
  }

  #content(): Content {
    return this.kind.content(this.inForce(), this.name);
  }

  async #change(
    by: string,
    change: (now: Content) => { wanted: Content; isWhole?: true },
  ): Promise<void> {
    const { kind, name } = this;
    await this.overrides.revise({ kind: kind.name, key: name }, by, (
      value,
      { resources },
    ) => {
      const override = value as TableOverride<E> | undefined;
      const configured = kind.content(resources, name);
      const now = laid(configured, override, kind.form);
      const { wanted, isWhole = "entries" in (override ?? {}) } = change(now);
      if (wanted.size > MOST_ENTRIES) {
        throw new ControlError(
          "invalid",
          `${kind.name} ${name} can have at most ${MOST_ENTRIES} entries`,
        );
      }
      if (isWhole === "entries" in (override ?? {}) && isSame(now, wanted)) {
        return value;
      }
      return overrideOf(configured, wanted, isWhole, kind.form) as
        | Json
        | undefined;
    });
  }
}

function isSame(a: Content, b: Content): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
