/** Moves of accounts: all that belongs to one, in the order that lets no login end on the old server. */
import type { MOVE_RESULTS } from "../observe/metric_names.ts";

/** What became of an account; `would-change` in a dry run. */
export type MoveResult = (typeof MOVE_RESULTS)[number] | "would-change";

export interface MovingAccount {
  /** As it logs in. */
  readonly identifier: string;
  /** Other names that it logs in by. */
  readonly aliases: readonly string[];
}

export interface MoveRequest {
  readonly accounts: readonly MovingAccount[];
  readonly destination: string;
  /** Say what would be done, and do nothing. */
  readonly dryRun: boolean;
  /** Who asks, for what is kept of the move. */
  readonly by: string;
}

/** Destinations by normalized name; null: no mapping. */
export type Destinations = Readonly<Record<string, string | null>>;

export interface AccountMove {
  /** As it was given. */
  readonly identifier: string;
  readonly result: MoveResult;
  /** Where its names were mapped to before; empty where that was not looked up. */
  readonly previous: Destinations;
  /** Where those names are mapped to that are not where they were to be, as far as that is known. */
  readonly now: Destinations;
  /** Sessions that were ended. */
  readonly kicked: number;
}

export interface MoveAnswer {
  /** What undoes it; null where nothing was changed. */
  readonly change: string | null;
  readonly dry_run: boolean;
  /** Why it, or a part of it, was not done; null when it was. */
  readonly problem: string | null;
  readonly accounts: readonly AccountMove[];
}

/** Methods throw ControlError where the request itself cannot be followed; then nothing was done. */
export interface MoveControl {
  move(request: MoveRequest): Promise<MoveAnswer>;
  /** Restore what was before a change; "unknown" where it is not kept any more, "conflict" where it is undone. */
  undo(change: string): Promise<MoveAnswer>;
}
