import { createHmac, randomBytes } from "node:crypto";

/** So many names are kept: the same accounts log in again and again, and a hash takes 14 µs. */
const KEPT = 4096;

/**
 * A function that names an account in logs without saying who it is: two characters and a keyed
 * hash, `al~5f1d9a3c7b`. The same key gives the same name, so that lines can be told to belong
 * together; without one they can within the life of the process.
 */
export function createShortener(
  key: string | Uint8Array = randomBytes(32),
): (identifier: string) => string {
  const known = new Map<string, string>();
  return (identifier) => {
    let name = known.get(identifier);
    if (name !== undefined) return name;
    const hash = createHmac("sha256", key).update(identifier).digest("hex");
    const start = [...identifier.slice(0, 4)].slice(0, 2).join("");
    name = `${start}~${hash.slice(0, 10)}`;
    if (known.size >= KEPT) known.clear();
    known.set(identifier, name);
    return name;
  };
}
