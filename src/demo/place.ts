/** Where a demonstration is: its folder and ports. */
import { reserve } from "../net/reserve.ts";

/** The ports of 127.0.0.1 that a demonstration listens on. */
export interface DemoPorts {
  /** Implicit TLS, for mail clients. */
  readonly imaps: number;
  /** The management API. */
  readonly admin: number;
  /** The two mail servers. */
  readonly old: number;
  readonly new: number;
}

export interface Place {
  /** Readable by its owner alone. */
  readonly folder: string;
  readonly ports: DemoPorts;
}

export const HOST = "127.0.0.1";

/** Those that the README shows. */
const STANDARD: DemoPorts = {
  imaps: 10993,
  admin: 19443,
  old: 10994,
  new: 10995,
};

/**
 * The standard folder and ports where they are free, so that commands in documents can be pasted;
 * else others that are.
 */
export function takePlace(): Place {
  const standard = `${Deno.env.get("TMPDIR") ?? "/tmp"}/mailferry-demo`;
  try {
    // The folder is the lock: only one demonstration can make it, and nobody can have laid it out for us.
    Deno.mkdirSync(standard, { mode: 0o700 });
  } catch {
    return otherPlace();
  }
  if (Object.values(STANDARD).every(isFree)) {
    return { folder: standard, ports: STANDARD };
  }
  Deno.removeSync(standard);
  return otherPlace();
}

function otherPlace(): Place {
  // Held together, so that they differ.
  const held = Array.from(
    { length: 4 },
    () => reserve({ hostname: HOST, port: 0 }),
  );
  const [imaps, admin, old, next] = held.map(({ address }) => address.port);
  for (const reservation of held) reservation.release();
  return {
    folder: Deno.makeTempDirSync({ prefix: "mailferry-demo-" }),
    ports: { imaps: imaps!, admin: admin!, old: old!, new: next! },
  };
}

function isFree(port: number): boolean {
  try {
    reserve({ hostname: HOST, port }).release();
    return true;
  } catch {
    return false;
  }
}
