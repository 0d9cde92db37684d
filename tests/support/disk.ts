/** A small disk of the test's own, that can be full or read-only. The test `needs` the right to "mount". */ import { output } from "./program.ts";

export class Disk implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /** Mounted at `folder`, which is made; or anywhere. */
  static async mount(size: string, folder?: string): Promise<Disk> {
    if (folder === undefined) folder = await Deno.makeTempDir();
    else await Deno.mkdir(folder);
    await output("mount", [
      "-t",
      "tmpfs",
      "-o",
      `size=${size}`,
      "tmpfs",
      folder,
    ]);
    return new Disk(folder);
  }

  /** Write until nothing more can be written. */
  async fill(): Promise<void> {
    using file = await Deno.open(this.#filler, { create: true, write: true });
    const block = new Uint8Array(4096);
    try {
      for (;;) await file.write(block);
    } catch {
      // Full.
    }
  }

  /** Take away what filled it. */
  async empty(): Promise<void> {
    await Deno.remove(this.#filler);
  }

  async readOnly(): Promise<void> {
    await output("mount", ["-o", "remount,ro", this.folder]);
  }

  async writable(): Promise<void> {
    await output("mount", ["-o", "remount,rw", this.folder]);
  }

  /** Names of what is on it, in order. */
  files(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name).sort();
  }

  get #filler(): string {
    return `${this.folder}/filler`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await output("umount", [this.folder]);
    await Deno.remove(this.folder);
  }
}
