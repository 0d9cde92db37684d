/** Acls and maps: named tables that can be changed at run time, also by versions that are prepared and committed. */

/** One entry. In an acl the key is an address range and the value is empty. */
export interface TableEntry {
  readonly key: string;
  readonly value: string;
}

export interface TableView {
  /** The same for as long as the process runs. */
  readonly number: number;
  readonly name: string;
  /** Where it comes from, in words. */
  readonly description: string;
  /** The version in force. */
  readonly current: number;
  /** The last one that was prepared. */
  readonly next: number;
  /** Those in force and those of prepared versions. */
  readonly entries: number;
}

/** A version that was prepared; without one, what is in force is meant. */
export interface TableWrite {
  readonly version?: number | undefined;
  /** Who asks. */
  readonly by: string;
}

/**
 * All acls, or all maps. `table` is a name, or `#` and a number. What is changed in force is kept as what
 * was set at run time, and never rewrites a file; only the map `mappings` is the mapping store itself.
 * Methods throw ControlError, with the texts that scripts written for HAProxy look for.
 */
export interface TableControl {
  tables(): Promise<readonly TableView[]>;
  /** None of a version that there is not. */
  entries(table: string, version?: number): AsyncIterable<TableEntry>;
  /** The entry of a key, or the smallest range that an address is in; null when there is none. */
  find(table: string, key: string): Promise<TableEntry | null>;
  /** All or none of them; a key that is there already gets the new value. */
  add(
    table: string,
    entries: readonly TableEntry[],
    how: TableWrite,
  ): Promise<void>;
  /** False when there was none. */
  remove(table: string, key: string, by: string): Promise<boolean>;
  /** Remove all entries. */
  clear(table: string, how: TableWrite): Promise<void>;
  /** Answers the number of a new version, which is empty. */
  prepare(table: string): number;
  /** What was prepared replaces at once what is in force, and earlier versions are gone. */
  commit(table: string, version: number, by: string): Promise<void>;
}
