/** What a process begins to serve with. */
import type { Json } from "../config/document/json.ts";
import { type Env, stateDirOf } from "../config/environment.ts";
import { ControlError } from "./api.ts";
import { SavedConfiguration } from "./live/saved_configuration.ts";
import {
  ConfigRefused,
  type Opened,
  readConfig,
  readDocument,
} from "./opening.ts";
import { StateDir } from "./state_dir.ts";
import type { Inheritance } from "./takeover/messages.ts";
import type { Taking } from "./takeover/taking.ts";

export interface StartOptions {
  /** The configuration file. */
  readonly file: string;
  readonly env: Env;
  /** Of the program. */
  readonly version: string;
  /** Serve what was in force last, in place of the file, where that was kept. */
  readonly resume?: boolean;
  /** A runtime socket of the process to take over from. */
  readonly takeover?: string;
}

/** What is served first, and what the file says. */
export interface Beginning {
  readonly opened: Opened;
  readonly fileDocument: Json | undefined;
  readonly state: StateDir;
  /** Of the process that is taken over from. */
  readonly inheritance: Inheritance | null;
}

/**
 * The file; in its place what the process that is taken over from has changed, or what was kept of the
 * last run. Throws ConfigRefused, ControlError or TakeoverRefused.
 */
export async function beginning(
  { file, env, resume = false }: StartOptions,
  taking: Taking | null,
): Promise<Beginning> {
  const fromFile = await readConfig(file, env).catch((error: Error) => {
    if (resume && error instanceof ConfigRefused) return error;
    throw error;
  });
  const own = fromFile instanceof ConfigRefused ? null : fromFile;
  const state = await StateDir.open(
    stateDirOf(own?.config.server.state_dir, env),
  );
  const fileDocument = own?.document as Json | undefined;
  const inheritance = await taking?.begin() ?? null;
  // It is the other process's to write until that has let go.
  if (inheritance) state.hold();
  const found = (opened: Opened): Beginning => ({
    opened,
    fileDocument,
    state,
    inheritance,
  });
  if (inheritance?.changed) {
    const { document } = inheritance.changed;
    return found(await readDocument(document, "what is in force", env));
  }
  if (resume) {
    if (state.path === null && own !== null) {
      throw new ControlError(
        "failed",
        "--resume needs server.state_dir: nothing is kept without it",
      );
    }
    const kept = await new SavedConfiguration(state).read();
    if (kept !== undefined) {
      return found(await readDocument(kept, `${state.path}/config.json`, env));
    }
  }
  if (own === null) throw fromFile;
  return found(own);
}
