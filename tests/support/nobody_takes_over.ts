import { Predecessors } from "../../src/control/takeover/predecessors.ts";
import type { Detour } from "../../src/admin/detour.ts";
import { ChangeGate } from "../../src/control/takeover/change_gate.ts";
import type { TakeoverEnd } from "../../src/runtime/takeover_end.ts";

const nobody = () => Promise.reject(new Error("nobody has taken over"));

/** For a management API that nobody takes over. */
export function noDetour(): Detour {
  return { gate: new ChangeGate(), carry: nobody };
}

/** For a runtime socket on which nobody takes over. */
export function noTakeover(): TakeoverEnd {
  return { gate: new ChangeGate(), carry: nobody, serve: nobody };
}

/** For a process that has taken over from nobody. */
export function noPredecessors(): Predecessors {
  return new Predecessors({ counted() {}, stuck() {}, gone() {} });
}
