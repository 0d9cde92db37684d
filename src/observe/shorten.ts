import { createHmac, randomBytes } from "node:crypto";

/**
 * A function that names an account in logs without saying who it is: two characters and a keyed
 * hash, `al~5f1d9a3c7b`. The same key gives the same name, so that lines can be told to belong
 * together; without one they can within the life of the process.
 */
export function createShortener(
  key: string | Uint8Array = randomBytes(32),
): (identifier: string) => string {
  return (identifier) => {
    const hash = createHmac("sha256", key).update(identifier).digest("hex");
    const start = [...identifier.slice(0, 4)].slice(0, 2).join("");
    return `${start}~${hash.slice(0, 10)}`;
  };
}
