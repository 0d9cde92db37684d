import { syncFolder, writeFlushed } from "./durable_file.ts";
import { StoreError } from "./store.ts";

/** What tells one state of a file from another without reading it. */
export interface FileStamp {
  readonly ino: number | null;
  readonly size: number;
  readonly mtime: number | null;
}

export function stampOf(info: Deno.FileInfo): FileStamp {
  return {
    ino: info.ino,
    size: info.size,
    mtime: info.mtime?.getTime() ?? null,
  };
}

function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtime === b.mtime;
}

/**
 * Replace the file at `path` by `chunks`, or leave it as it is: a temporary file beside it is
 * written, flushed to disk and renamed over it, with the mode and owner of the old one. A symbolic
 * link stays one; its target is replaced. When the file is no longer in the state `expected`,
 * nothing is written. `settle` is awaited when only the rename is left, and calls it off by throwing.
 * Throws StoreError ("conflict", "write-failed").
 */
export async function replaceFile(
  path: string,
  expected: FileStamp,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  settle: () => Promise<void> = () => Promise.resolve(),
): Promise<FileStamp> {
  const writing = `cannot write ${path}`;
  let target: string;
  let old: Deno.FileInfo;
  try {
    target = await Deno.realPath(path);
    old = await Deno.stat(target);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw conflict(path);
    throw failed(writing, error);
  }
  if (!sameStamp(stampOf(old), expected)) throw conflict(path);

  const slash = target.lastIndexOf("/");
  const folder = target.slice(0, slash) || "/";
  const temporary = `${folder}/.${target.slice(slash + 1)}.mailferry-new`;
  try {
    const stamp = await writeTemporary(temporary, old, chunks);
    await settle();
    // The check above may be seconds old for a large table.
    if (!sameStamp(stampOf(await Deno.stat(target)), expected)) {
      throw conflict(path);
    }
    await Deno.rename(temporary, target);
    await syncFolder(folder);
    return stamp;
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error instanceof StoreError ? error : failed(writing, error);
  }
}

async function writeTemporary(
  path: string,
  old: Deno.FileInfo,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<FileStamp> {
  const info = await writeFlushed(path, chunks, async (now) => {
    await keepOwner(path, old, now);
    if (old.mode !== null) await Deno.chmod(path, old.mode & 0o7777);
  });
  return stampOf(info);
}

/** Only root may give a file away; a member of the group may keep the group, which is what access rests on. */
async function keepOwner(
  path: string,
  old: Deno.FileInfo,
  now: Deno.FileInfo,
): Promise<void> {
  if (old.uid === now.uid && old.gid === now.gid) return;
  try {
    await Deno.chown(path, old.uid, old.gid);
  } catch {
    await Deno.chown(path, null, old.gid);
  }
}

function conflict(path: string): StoreError {
  return new StoreError(
    "conflict",
    `cannot write ${path}: it was changed or removed by somebody else since it was read; reload the mappings first`,
  );
}

function failed(attempt: string, error: unknown): StoreError {
  const cause = error instanceof Error ? error.message : String(error);
  return new StoreError("write-failed", `${attempt}: ${cause}`, undefined, {
    cause: error,
  });
}
