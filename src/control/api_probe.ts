/** Trying a destination's legs without a login. */
import type { ProtocolName } from "../port/snapshot.ts";

export interface ProbeView {
  readonly ok: boolean;
  /** What it found, and the likely cause where it failed; one or two lines. */
  readonly text: string;
}

export interface Probes {
  /** Every leg of a destination, or one. Throws ControlError("unknown"). */
  probe(
    destination: string,
    protocol: ProtocolName | null,
  ): Promise<readonly ProbeView[]>;
}
