/** Why something could not be done with a document of the configuration. */
export class DocumentError extends Error {
  override readonly name = "DocumentError";
  constructor(
    readonly code:
      /** The path, the body or the result makes no sense. */
      | "invalid"
      /** There is nothing at the path. */
      | "absent"
      /** There is something at the path already. */
      | "exists"
      /** The document has changed since it was read. */
      | "stale"
      /** A body in a format that nobody here reads. */
      | "unsupported",
    /** One line for the caller; never quotes a document, which may hold secrets. */
    message: string,
  ) {
    super(message);
  }
}
