/** What a kind of entry is to the transactions that replace it. */

/** An entry in force. */
export interface SslEntry<M> {
  /** Of [tls.certificate.NAME] or [destination.NAME]. */
  readonly name: string;
  /** What the configuration names; null where it has no such entry. */
  readonly file: string | null;
  readonly material: M;
}

/** A kind of entry; `M` is what one is made of. */
export interface SslFamily<M> {
  /** As HAProxy calls one, alone and in messages. */
  readonly words: {
    readonly one: string;
    readonly transaction: string;
    readonly created: (name: string) => string;
  };
  entries(): readonly SslEntry<M>[];
  /** Why there can be no new entry of this name; null where there can. */
  refusal(name: string): string | null;
  /**
   * A payload for these entries, added to what the transaction has. Throws ControlError where it cannot be
   * used.
   */
  read(names: readonly string[], payload: string, before: M | undefined): M;
  /** Why it cannot be put in force as it is; null where it can. */
  incomplete(material: M): string | null;
  /** What is odd about it, though it can be put in force. */
  oddity?(material: M): string | null;
  /** Put it in force under all these names, or nothing. Throws ControlError. */
  put(names: readonly string[], material: M, by: string): Promise<void>;
  /** Take away what was put under a name that the configuration has not. */
  remove(name: string, by: string): Promise<void>;
  /** What is added to its name in a list. */
  summary(material: M): string;
  /** Its parts in full, as lines. */
  parts(material: M): readonly (readonly string[])[];
}
