/** Messages that are longer than one notification may be, in parts. */

/** PostgreSQL takes less than 8000 bytes; what stands in front of the text has some of them. */
export const PART_LENGTH = 7800;

/** A message of more parts than this is none of ours. */
const MOST_PARTS = 10_000;

/** Messages that are not complete: their senders may be gone. */
const MOST_INCOMPLETE = 64;

/** `name` tells the messages of all senders apart. The text is ASCII. */
export function split(name: string, text: string): string[] {
  const count = Math.max(1, Math.ceil(text.length / PART_LENGTH));
  return Array.from(
    { length: count },
    (_, i) =>
      `${name} ${i} ${count} ${
        text.slice(i * PART_LENGTH, (i + 1) * PART_LENGTH)
      }`,
  );
}

/** Puts together what comes in parts, which are in order. */
export class Assembly {
  readonly #incomplete = new Map<string, string[]>();

  /** The whole message with its last part; else null, as for what is no part of any. */
  take(part: string): string | null {
    const [, name, index, count, text] =
      /^(\S{1,80}) (\d{1,5}) (\d{1,5}) ([^]*)$/.exec(part) ?? [];
    if (name === undefined || Number(count) > MOST_PARTS) return null;
    const parts = Number(index) === 0 ? [] : this.#incomplete.get(name);
    if (parts?.length !== Number(index)) {
      this.#incomplete.delete(name);
      return null;
    }
    parts.push(text!);
    this.#incomplete.delete(name);
    if (parts.length === Number(count)) return parts.join("");
    this.#incomplete.set(name, parts);
    if (this.#incomplete.size > MOST_INCOMPLETE) {
      const [oldest] = this.#incomplete.keys();
      this.#incomplete.delete(oldest!);
    }
    return null;
  }
}
