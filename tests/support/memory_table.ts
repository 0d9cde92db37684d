/** A table that is in force in memory alone, for tests of what is around tables. */
import { ControlError } from "../../src/control/api.ts";
import type { TableEntry } from "../../src/control/api_tables.ts";
import type { Table } from "../../src/control/tables/table.ts";
import { Tables } from "../../src/control/tables/tables.ts";
import { type Content, Room } from "../../src/control/tables/versions.ts";

/** Takes every entry that `faultOf` finds nothing wrong with. */
export class MemoryTable implements Table {
  readonly description = "in memory";
  /** Thrown by the next write. */
  failure: Error | null = null;

  constructor(
    readonly name: string,
    readonly content: Map<string, string> = new Map(),
    private readonly faultOf: (entry: TableEntry) => string | null = () => null,
  ) {}

  size() {
    return Promise.resolve(this.content.size);
  }

  *entries() {
    for (const [key, value] of this.content) yield { key, value };
  }

  find(key: string) {
    const value = this.content.get(key);
    return Promise.resolve(value === undefined ? null : { key, value });
  }

  judge(entry: TableEntry) {
    const fault = this.faultOf(entry);
    if (fault !== null) throw new ControlError("invalid", fault);
    return entry;
  }

  async merge(entries: Content) {
    await this.#write(new Map([...this.content, ...entries]));
  }

  async remove(key: string) {
    const content = new Map(this.content);
    const existed = content.delete(key);
    await this.#write(content);
    return existed;
  }

  async replace(entries: Content) {
    await this.#write(new Map(entries));
  }

  async #write(content: Content) {
    await Promise.resolve();
    const { failure } = this;
    this.failure = null;
    if (failure) throw failure;
    this.content.clear();
    for (const entry of content) this.content.set(...entry);
  }
}

/** All tables of a kind, with room for a few prepared entries. */
export function memoryTables(
  what: "acl" | "map",
  tables: () => readonly Table[],
  room = new Room({ entries: 1000, characters: 100_000 }),
): Tables {
  return new Tables(what, room, tables);
}
