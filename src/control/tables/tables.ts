import { ControlError } from "../api.ts";
import type {
  TableControl,
  TableEntry,
  TableView,
  TableWrite,
} from "../api_tables.ts";
import type { Table } from "./table.ts";
import { type Content, type Room, Versions } from "./versions.ts";

const UNKNOWN = {
  acl: "Unknown ACL identifier. Please use #<id> or <file>.",
  map: "Unknown map identifier. Please use #<id> or <file>.",
};

/** All acls or all maps, with their versions. */
export class Tables implements TableControl {
  /** Those that were ever seen, in the order of their numbers. */
  readonly #numbers: string[] = [];
  readonly #versions = new Map<string, Versions>();

  constructor(
    private readonly what: "acl" | "map",
    private readonly room: Room,
    /** Those that there are now. */
    private readonly declared: () => readonly Table[],
  ) {}

  async tables(): Promise<TableView[]> {
    const views: TableView[] = [];
    for (const table of this.#known()) {
      const { name, description } = table;
      const versions = this.#versionsOf(table);
      views.push({
        number: this.#numbers.indexOf(name),
        name,
        description,
        current: versions.current,
        next: versions.next,
        entries: await table.size() + versions.size,
      });
    }
    return views;
  }

  async *entries(name: string, version?: number): AsyncGenerator<TableEntry> {
    const table = this.#find(name);
    const versions = this.#versionsOf(table);
    if (version === undefined || version === versions.current) {
      yield* table.entries();
      return;
    }
    for (const [key, value] of versions.content(version)) yield { key, value };
  }

  // deno-lint-ignore require-await -- what is thrown is a rejection
  async find(name: string, key: string): Promise<TableEntry | null> {
    return this.#find(name).find(key);
  }

  async add(
    name: string,
    entries: readonly TableEntry[],
    { version, by }: TableWrite,
  ): Promise<void> {
    const table = this.#find(name);
    const judged = new Map<string, string>();
    for (const entry of entries) {
      const { key, value } = table.judge(entry);
      judged.set(key, value);
    }
    const versions = this.#versionsOf(table);
    if (version === undefined || version === versions.current) {
      await table.merge(judged, by);
    } else versions.add(version, judged);
  }

  // deno-lint-ignore require-await -- what is thrown is a rejection
  async remove(name: string, key: string, by: string): Promise<boolean> {
    return this.#find(name).remove(key, by);
  }

  async clear(name: string, { version, by }: TableWrite): Promise<void> {
    const table = this.#find(name);
    const versions = this.#versionsOf(table);
    if (version === undefined || version === versions.current) {
      await table.replace(new Map(), by);
    } else versions.clear(version);
  }

  prepare(name: string): number {
    return this.#versionsOf(this.#find(name)).prepare();
  }

  async commit(name: string, version: number, by: string): Promise<void> {
    const table = this.#find(name);
    const versions = this.#versionsOf(table);
    const content: Content = versions.begin(version);
    let isInForce = false;
    try {
      await table.replace(content, by);
      isInForce = true;
    } finally {
      versions.finish(isInForce);
    }
  }

  /** Those that there are; what was prepared of others is given up. */
  #known(): readonly Table[] {
    const tables = this.declared();
    for (const { name } of tables) {
      if (!this.#numbers.includes(name)) this.#numbers.push(name);
    }
    for (const [name, versions] of this.#versions) {
      if (tables.some((table) => table.name === name)) continue;
      versions.close();
      this.#versions.delete(name);
    }
    return tables;
  }

  #find(given: string): Table {
    const tables = this.#known();
    const name = /^#\d{1,9}$/.test(given)
      ? this.#numbers[Number(given.slice(1))]
      : given;
    const table = tables.find((table) => table.name === name);
    if (table) return table;
    throw new ControlError("unknown", UNKNOWN[this.what]);
  }

  #versionsOf({ name }: Table): Versions {
    let versions = this.#versions.get(name);
    if (!versions) {
      versions = new Versions(this.what, this.room);
      this.#versions.set(name, versions);
    }
    return versions;
  }
}
