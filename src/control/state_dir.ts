import { writeDurably } from "../store/durable_file.ts";
import { ControlError } from "./api.ts";

/** What is kept back, by name; null for a file to be removed. */
type Waiting = Map<string, string | null>;

/**
 * `[server] state_dir`: small files that must survive a restart. Without such a folder nothing is kept:
 * every file is absent, and what is written is forgotten.
 */
export class StateDir {
  #waiting: Waiting | null = null;

  private constructor(
    /** Absolute, or null where nothing is kept. */
    readonly path: string | null,
  ) {}

  /** Makes the folder where there is none. Throws ControlError("failed") when it cannot be written to. */
  static async open(path: string | undefined): Promise<StateDir> {
    if (path === undefined) return new StateDir(null);
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
      const folder = await Deno.realPath(path);
      await writeDurably(`${folder}/.writable`, "");
      await Deno.remove(`${folder}/.writable`);
      return new StateDir(folder);
    } catch (error) {
      throw failed(`server.state_dir: cannot write to ${path}`, error);
    }
  }

  /** The folder is another process's to write still: what is written here waits for `release`. */
  hold(): void {
    this.#waiting = new Map();
  }

  /** Write what waited. Throws ControlError("failed"). */
  async release(): Promise<void> {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const [name, text] of waiting) {
      await (text === null ? this.remove(name) : this.write(name, text));
    }
  }

  /** The content of a file; null where there is none. Throws ControlError("failed"). */
  async read(name: string): Promise<string | null> {
    if (this.path === null) return null;
    const waiting = this.#waiting?.get(name);
    if (waiting !== undefined) return waiting;
    try {
      return await Deno.readTextFile(`${this.path}/${name}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw failed(`cannot read ${this.path}/${name}`, error);
    }
  }

  /** Replace a file whole and durably, readable by the owner alone. Throws ControlError("failed"). */
  async write(name: string, text: string): Promise<void> {
    if (this.path === null) return;
    if (this.#waiting) return void this.#waiting.set(name, text);
    try {
      await writeDurably(`${this.path}/${name}`, text);
    } catch (error) {
      throw failed(`cannot write ${this.path}/${name}`, error);
    }
  }

  /** Throws ControlError("failed"); a file that is not there is removed already. */
  async remove(name: string): Promise<void> {
    if (this.path === null) return;
    if (this.#waiting) return void this.#waiting.set(name, null);
    try {
      await Deno.remove(`${this.path}/${name}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw failed(`cannot remove ${this.path}/${name}`, error);
    }
  }
}

function failed(attempt: string, error: unknown): ControlError {
  return new ControlError("failed", `${attempt}: ${(error as Error).message}`);
}
