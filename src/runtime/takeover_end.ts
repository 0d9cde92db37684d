import type { ChangeGate } from "../control/takeover/change_gate.ts";
import type { CarriedCommand } from "../control/takeover/messages.ts";
import type { JsonLines } from "../net/json_lines.ts";

/** Where another process may take over, and what becomes of commands meanwhile and afterwards. */
export interface TakeoverEnd {
  readonly gate: ChangeGate;
  /** Have a command done by the process that has taken over. */
  carry(command: CarriedCommand): Promise<string>;
  /** Speak with a process that takes over; `socket` is the path that it came in by. */
  serve(lines: JsonLines, socket: string): Promise<void>;
}
