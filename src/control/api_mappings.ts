/** Reading the mapping store through. */

export interface MappingRow {
  readonly identifier: string;
  readonly destination: string;
}

export interface MappingRows {
  /** `[mapping] source`, and whether it can be written to. */
  readonly source: string;
  readonly writable: boolean;
  /** Everything in the store's own order, a thousand or so at a time. Throws ControlError("failed"). */
  mappings(): AsyncIterable<readonly MappingRow[]>;
  /** What the store has for an account, or null. Throws ControlError. */
  stored(identifier: string): Promise<string | null>;
}
