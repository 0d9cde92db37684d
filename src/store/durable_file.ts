/** Files that are there whole or not at all, also after the power went. */

/**
 * Write `text` to `path`, readable by the owner alone: a temporary file beside it is flushed to disk and
 * renamed over it. Throws what the file system throws; the old file is as it was then.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await writeFlushed(temporary, [new TextEncoder().encode(text)]);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(path.slice(0, path.lastIndexOf("/")) || "/");
}

/** Create a file with 0600 and flush it; `finish` may change its owner and mode before that. */
export async function writeFlushed(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  finish: (info: Deno.FileInfo) => Promise<void> = () => Promise.resolve(),
): Promise<Deno.FileInfo> {
  // What a crash left behind is thrown away; createNew then follows no link that waits there.
  await Deno.remove(path).catch(() => {});
  const file = await Deno.open(path, {
    write: true,
    createNew: true,
    mode: 0o600,
  });
  try {
    for await (const chunk of chunks) {
      let done = 0;
      while (done < chunk.length) {
        done += await file.write(chunk.subarray(done));
      }
    }
    await finish(await file.stat());
    await file.sync();
    return await file.stat();
  } finally {
    file.close();
  }
}

/**
 * The rename itself is durable only when its folder is (fsync(2)). It has happened by now and is
 * seen by everybody, so a file system that cannot flush a folder makes no failed write of it.
 */
export async function syncFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder);
    await handle.sync();
  } catch {
    // See above.
  }
}
