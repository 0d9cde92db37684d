import type { Json } from "../../config/document/json.ts";
import { ControlError } from "../api.ts";
import type { StateDir } from "../state_dir.ts";

/** In the state folder: what `run --resume` starts from. */
const NAME = "config.json";

/** The last good configuration, secrets included. */
export class SavedConfiguration {
  constructor(private readonly state: StateDir) {}

  /** Undefined where none was saved. Throws ControlError("failed"). */
  async read(): Promise<Json | undefined> {
    const text = await this.state.read(NAME);
    if (text === null) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      throw new ControlError(
        "failed",
        `${this.state.path}/${NAME} is no JSON: start without --resume, or mend or remove it`,
      );
    }
  }

  /** Throws ControlError("failed"); the one before is kept then. */
  async write(document: Json): Promise<void> {
    await this.state.write(NAME, `${JSON.stringify(document, null, 2)}\n`);
  }
}
