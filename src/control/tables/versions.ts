import { ControlError } from "../api.ts";

/** Keys and values of a table; of an acl the values are empty. */
export type Content = ReadonlyMap<string, string>;

/** How much the prepared versions of all tables hold together. */
export class Room {
  #entries = 0;
  #characters = 0;

  constructor(
    private readonly most: {
      readonly entries: number;
      readonly characters: number;
    },
  ) {}

  /** Take it, or throw ControlError("invalid") and take nothing. */
  take(entries: number, characters: number): void {
    if (
      this.#entries + entries > this.most.entries ||
      this.#characters + characters > this.most.characters
    ) {
      throw new ControlError(
        "invalid",
        "Too much is prepared: commit or clear other versions before.",
      );
    }
    this.give(-entries, -characters);
  }

  give(entries: number, characters: number): void {
    this.#entries -= entries;
    this.#characters -= characters;
  }
}

interface Prepared {
  readonly entries: Map<string, string>;
  characters: number;
}

/** Of one table: versions without entries cost nothing. */
const MOST_PREPARED = 16;

const NOTHING: Content = new Map();

/**
 * The versions of one table, in HAProxy's way: the current one is what is in force, and lives elsewhere;
 * those up to the next one can be filled, seen by nobody who does not ask for them, and committed, which
 * drops all before.
 */
export class Versions {
  #current = 0;
  #next = 0;
  #committing: number | null = null;
  readonly #prepared = new Map<number, Prepared>();

  /** `what`: `map` or `acl`, for messages. */
  constructor(
    private readonly what: string,
    private readonly room: Room,
  ) {}

  get current(): number {
    return this.#current;
  }

  /** The last one that was prepared. */
  get next(): number {
    return this.#next;
  }

  /** Entries of all prepared versions. */
  get size(): number {
    let size = 0;
    for (const { entries } of this.#prepared.values()) size += entries.size;
    return size;
  }

  /** Answers the new version. */
  prepare(): number {
    return ++this.#next;
  }

  /** Nothing for a version that there is not. */
  content(version: number): Content {
    return this.#prepared.get(version)?.entries ?? NOTHING;
  }

  /** Add all or, with a ControlError, none. A key that is there gets the new value. */
  add(version: number, entries: Content): void {
    this.#mustBeOpen(version);
    const found = this.#prepared.get(version);
    if (!found && this.#prepared.size >= MOST_PREPARED) {
      throw new ControlError(
        "invalid",
        `${MOST_PREPARED} versions are filled already: commit or clear one of them before.`,
      );
    }
    const prepared = found ?? { entries: new Map(), characters: 0 };
    let added = 0;
    let characters = 0;
    for (const [key, value] of entries) {
      const before = prepared.entries.get(key);
      if (before === undefined) added++;
      characters += value.length -
        (before === undefined ? -key.length : before.length);
    }
    this.room.take(added, characters);
    prepared.characters += characters;
    for (const [key, value] of entries) prepared.entries.set(key, value);
    if (prepared.entries.size > 0) this.#prepared.set(version, prepared);
  }

  /** Remove all entries of a prepared version; one that there is not has none. */
  clear(version: number): void {
    if (version === this.#committing) throw this.#underWay(version);
    this.#drop(version);
  }

  /**
   * What a version is to put in force. It takes no more entries until `finish` says how that went. Throws
   * ControlError for a version that cannot be committed.
   */
  begin(version: number): Content {
    if (!(version > this.#current && version <= this.#next)) throw outOfRange();
    if (this.#committing !== null) throw this.#underWay(this.#committing);
    this.#committing = version;
    return this.content(version);
  }

  /** The version that was begun is the current one now, and all before it are gone; or nothing has changed. */
  finish(isInForce: boolean): void {
    const version = this.#committing!;
    this.#committing = null;
    if (!isInForce) return;
    this.#current = version;
    for (const each of [...this.#prepared.keys()]) {
      if (each <= version) this.#drop(each);
    }
  }

  /** Give back what is held. */
  close(): void {
    for (const version of [...this.#prepared.keys()]) this.#drop(version);
  }

  #mustBeOpen(version: number): void {
    if (version > this.#next) {
      throw new ControlError(
        "invalid",
        `Version number in the future, please use 'prepare ${this.what}' before.`,
      );
    }
    if (!(version > this.#current)) throw outOfRange();
    if (this.#committing !== null && version <= this.#committing) {
      throw this.#underWay(this.#committing);
    }
  }

  #drop(version: number): void {
    const prepared = this.#prepared.get(version);
    if (!prepared) return;
    this.#prepared.delete(version);
    this.room.give(prepared.entries.size, prepared.characters);
  }

  #underWay(version: number): ControlError {
    return new ControlError(
      "conflict",
      `Version ${version} is being committed.`,
    );
  }
}

function outOfRange(): ControlError {
  return new ControlError("invalid", "Version number out of range.");
}
