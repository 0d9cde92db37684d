/** A pattern of the configuration that cannot be used; the message completes "PATTERN …". */
export class PatternFault extends Error {
  override readonly name = "PatternFault";
}
