import { parseDuration } from "../config/scalars.ts";
import { CommandError } from "./command.ts";

/** Beyond it a timer would not hold. */
const LONGEST = 24 * 3_600_000;

/** Milliseconds of `500ms`, `30s` or a number of `unit`. Throws CommandError. */
export function durationOf(text: string, unit: "ms" | "s"): number {
  const ms = parseDuration(/^\d+$/.test(text) ? text + unit : text);
  if (ms === null) {
    throw new CommandError(
      `Invalid delay '${
        text.slice(0, 40)
      }': a number, or one with ms, s, m or h, is required.`,
    );
  }
  if (ms > LONGEST) throw new CommandError("Invalid delay: at most a day.");
  return ms;
}
