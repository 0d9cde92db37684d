/** UNIX sockets at a path of the file system. */
import {
  acceptAll,
  type AcceptGate,
  closeQuietly,
  type OnConnection,
} from "./listen.ts";

/** Who may connect. */
export interface SocketOwner {
  /** Permission bits. */
  readonly mode: number;
  /** Numbers; null leaves it with the process. */
  readonly uid: number | null;
  readonly gid: number | null;
}

/** What is at a path: a socket on which a program answers, one that nobody listens on, something else, or nothing. */
export type PathState = "live" | "stale" | "other" | "free";

export async function pathState(path: string): Promise<PathState> {
  const found = await Deno.lstat(path).catch(missing);
  if (found === null) return "free";
  if (!found.isSocket) return "other";
  try {
    (await dialUnix(path)).close();
    return "live";
  } catch (error) {
    return error instanceof Deno.errors.ConnectionRefused ? "stale" : "live";
  }
}

/** Throws what connecting throws. */
export function dialUnix(path: string): Promise<Deno.UnixConn> {
  return Deno.connect({ transport: "unix", path });
}

/** A UNIX socket that accepts under a name of its own until `place` gives it the wanted one. */
export interface UnixListener {
  /** From now on the socket is at its path, in place of whatever was there, without a moment of nothing. */
  place(): void;
  /**
   * It has a second name from now on, its path with a dot and the number of the process behind it, and
   * stays there when another socket takes its path.
   */
  stepAside(): void;
  /** It has its path alone again. */
  stepBack(): void;
  /** Stop accepting, and remove the socket's file where it is still this one's. */
  close(): void;
}

/**
 * A socket is made under this name and renamed, so that its path is never without its owner and mode.
 * The runtime removes the name of the bind when it closes a socket: another process has another one.
 */
const beside = (path: string) => `${path}.${Deno.pid}`;

/** Throws what bind or chown throw; nothing is left then. */
export function listenUnix(
  path: string,
  owner: SocketOwner,
  onConnection: OnConnection<Deno.UnixConn>,
  gate?: AcceptGate,
): UnixListener {
  const made = beside(path);
  removeSocket(made);
  // The mode is there from the bind on; a chmod would come a moment late.
  const before = Deno.umask(0o777 & ~owner.mode);
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path: made });
  } finally {
    Deno.umask(before);
  }
  let at = made;
  let inode: number | null;
  try {
    if (owner.uid !== null || owner.gid !== null) {
      Deno.chownSync(made, owner.uid, owner.gid);
    }
    inode = Deno.lstatSync(made).ino;
  } catch (error) {
    closeQuietly(listener);
    removeSocket(made);
    throw error;
  }
  void acceptAll(listener, onConnection, gate);
  return {
    place() {
      Deno.renameSync(made, path);
      at = path;
    },
    stepAside() {
      removeSocket(made);
      Deno.linkSync(path, made);
      at = made;
    },
    stepBack() {
      removeSocket(made);
      at = path;
    },
    close() {
      closeQuietly(listener);
      if (inodeOf(at) === inode) removeSocket(at);
    },
  };
}

function inodeOf(path: string): number | null {
  try {
    return Deno.lstatSync(path).ino;
  } catch {
    return null;
  }
}

function removeSocket(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch {
    // Gone already.
  }
}

function missing(error: unknown): null {
  if (error instanceof Deno.errors.NotFound) return null;
  throw error;
}
