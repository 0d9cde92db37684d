import type { Log } from "../../observe/log.ts";
import type { OverrideControl } from "../api_overrides.ts";

/** Tells the log where what was set at run time hides what the configuration says now. */
export class Masks {
  /** What the configuration had no place for when it was looked at last. */
  #unused: ReadonlySet<string> = new Set();

  constructor(
    private readonly overrides: Pick<OverrideControl, "list">,
    private readonly log: Pick<Log, "warn">,
  ) {}

  /** To be called when another configuration is in force. */
  look(): void {
    const unused = new Set<string>();
    for (const override of this.overrides.list()) {
      const { kind, key, value, configured, state } = override;
      const name = `${kind} ${key}`;
      if (state === "unused") unused.add(name);
      // What comes back under a name that was gone may be meant to begin anew.
      else if (state === "stale" || this.#unused.has(name)) {
        const fields = { kind, key, value, configured };
        this.log.warn("override_masks_change", fields);
      }
    }
    this.#unused = unused;
  }
}
