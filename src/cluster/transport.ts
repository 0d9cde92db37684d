/** What the bus asks of Redis or PostgreSQL: channels that everyone who listens hears. */

/** The server could not be reached, or lets nobody in. The message is one line without address or password. */
export class BusFault extends Error {
  override readonly name = "BusFault";
}

export interface LineEvents {
  message(text: string): void;
  /** It carries nothing any more; called once, and not after `close`. */
  lost(reason: string): void;
}

/** A connection on which messages come and go, in order. */
export interface BusLine {
  /** Throws BusFault when the server did not take it. */
  publish(channel: string, text: string): Promise<void>;
  close(): void;
}

export interface BusTransport {
  /**
   * Resolves when everything that is published on these channels from now on will be heard. Throws
   * BusFault, or the signal's reason.
   */
  connect(
    channels: readonly string[],
    events: LineEvents,
    signal: AbortSignal,
  ): Promise<BusLine>;
}
