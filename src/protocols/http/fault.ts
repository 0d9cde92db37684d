/**
 * A message that is not forwarded. `status` is what its sender is answered with (a request), or 502
 * (a response of a backend). The message is for the log: it has no octets of the peer's.
 */
export class HttpFault extends Error {
  override readonly name = "HttpFault";
  constructor(readonly status: number, message: string) {
    super(message);
  }
}
