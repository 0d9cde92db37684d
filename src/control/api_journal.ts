/** What was logged lately. The log holds no secret, and so neither does this. */

import type { TimedLine } from "../observe/log_format.ts";

export interface JournalKeeper {
  /** How many there ever were, the forgotten ones included. */
  readonly total: number;
  /** The last of them, the oldest first. */
  all(): TimedLine[];
  /** Be told of each that comes, until the answer is called. */
  watch(watcher: (line: TimedLine) => void): () => void;
}

export interface JournalFacts {
  /** Lines of the log from "info" up. */
  readonly events: JournalKeeper;
  /** Those that tell of a client that broke its protocol, a refused login, or a backend that failed. */
  readonly errors: JournalKeeper;
  /** Resolves when all that happened before is in them. */
  catchUp(): Promise<void>;
}
