import type { TableEntry } from "../api_tables.ts";
import type { Content } from "./versions.ts";

/** What is in force of one table. Methods throw ControlError. */
export interface Table {
  readonly name: string;
  /** Where it comes from, in words. */
  readonly description: string;
  size(): Promise<number>;
  entries(): Iterable<TableEntry> | AsyncIterable<TableEntry>;
  /** What a key has, or null. */
  find(key: string): Promise<TableEntry | null>;
  /** An entry in the form in which it is kept. */
  judge(entry: TableEntry): TableEntry;
  merge(entries: Content, by: string): Promise<void>;
  /** False when there was none. */
  remove(key: string, by: string): Promise<boolean>;
  /** Everything, at once. */
  replace(entries: Content, by: string): Promise<void>;
}
