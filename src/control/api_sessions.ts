/** Ending sessions by where they go. */
import type { ProtocolName } from "../port/snapshot.ts";

export interface SessionEndings {
  /**
   * End the sessions at a destination, or at one leg of it; answers how many. Throws
   * ControlError("unknown").
   */
  endAt(destination: string, protocol: ProtocolName | null): Promise<number>;
}
