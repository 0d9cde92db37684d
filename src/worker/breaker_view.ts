import { legName } from "../port/leg_name.ts";
import type { LegState } from "../port/messages.ts";
import type { ProtocolName } from "../port/snapshot.ts";

/** What this worker knows of the breakers, which the control plane owns: legs that are not plainly closed. */
export class BreakerView {
  #states = new Map<string, LegState>();

  update(states: readonly LegState[]): void {
    for (const state of states) {
      const key = legName(state.destination, state.protocol);
      if (state.state === "closed" && !state.suspect) this.#states.delete(key);
      else this.#states.set(key, state);
    }
  }

  state(destination: string, protocol: ProtocolName): LegState["state"] {
    return this.#states.get(legName(destination, protocol))?.state ?? "closed";
  }

  /** A success is news only while failures are being counted. */
  wantsSuccess(destination: string, protocol: ProtocolName): boolean {
    return this.#states.has(legName(destination, protocol));
  }
}
