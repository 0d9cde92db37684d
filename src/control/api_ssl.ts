/** What can be put in place of files of the configuration at run time. */
export type SslKind = "cert" | "ca-file" | "crl-file";

/**
 * Certificates of listeners, and authorities and revocation lists of destinations, replaced by
 * transactions as HAProxy's runtime API has them: one of each kind at a time. An entry is named as
 * the configuration names it, `[tls.certificate.NAME]` or `[destination.NAME]`, or by the path of its
 * file, which means all that name this file. Answers are lines of text, each ended by LF; what cannot
 * be done throws ControlError with such a text.
 */
export interface SslControl {
  /** An empty entry under a name that has none. */
  create(kind: SslKind, name: string): string;
  /** Begin a transaction, or go on with it. */
  set(kind: SslKind, name: string, payload: string): string;
  /** In force from the next handshake on, when this resolves. */
  commit(kind: SslKind, name: string, by: string): Promise<string>;
  abort(kind: SslKind, name: string): string;
  /** Take an entry away that the configuration does not have. */
  remove(kind: SslKind, name: string, by: string): Promise<string>;
  /** All entries, or one of them in full: `NAME`, `*NAME` for its transaction, `:N` behind for one part. */
  show(kind: SslKind, name?: string): string;
}
