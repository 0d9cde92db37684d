import type { Json } from "../config/document/json.ts";
import type { Secrets } from "../config/document/secrets.ts";
import type { Difference } from "../config/document/diff.ts";

/** What a change of the configuration did. */
export interface Changed {
  /** False where it asked for what was there already. */
  readonly changed: boolean;
  /** For the operator: what is in force, and what waits for a restart. */
  readonly note: string;
  /** Hashes of the document before and after, for the audit. */
  readonly before: string;
  readonly after: string;
}

/** The configuration in force, as a document that can be read and changed. Methods throw ControlError. */
export interface LiveConfig {
  /** Hides the secrets of documents from whoever reads them. */
  readonly secrets: Secrets;
  /** A document with the secrets that its placeholders stand for: those in force, before an unload or in the file. Throws DocumentError. */
  restore(document: Json): Json;
  /** As it was given, secrets included; null when it was unloaded. */
  document(): Json | null;
  /**
   * Change it. `edit` gets a copy of what is in force and answers what is wanted, or throws, which is
   * passed on; nobody else changes anything meanwhile. What is wanted is validated whole, and put in
   * force in all workers or in none. The same document again changes nothing unless `force`.
   */
  change(
    edit: (current: Json | null) => Json | null,
    how?: { readonly force?: boolean },
  ): Promise<Changed>;
  /** What is in force against the file as it was read last. */
  difference(): readonly Difference[];
  /**
   * Write what is in force over the file that it was started with; comments do not survive it. Answers its
   * path. "conflict" where the file says something else than when it was read, unless that is to go.
   */
  save(how?: { readonly discard: boolean }): Promise<string>;
  /** Read the file again; "conflict" where what is in force was changed by other means, unless those changes are to go. */
  reload(
    how: { readonly discard: boolean },
  ): Promise<{ readonly reloaded: true; readonly note: string }>;
}
