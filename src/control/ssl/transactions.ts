import { ControlError } from "../api.ts";
import type { SslEntry, SslFamily } from "./family.ts";

interface Transaction<M> {
  /** As it was begun. */
  readonly title: string;
  /** The entries that it replaces. */
  readonly names: readonly string[];
  readonly material: M;
}

/** The transactions of one kind of entry, and the entries that are empty still. */
export class Transactions<M> {
  #ongoing: Transaction<M> | null = null;
  readonly #empty = new Set<string>();

  constructor(private readonly family: SslFamily<M>) {}

  create(name: string): string {
    const { words } = this.family;
    if (this.#names(name).length > 0) {
      throw new ControlError(
        "conflict",
        `${words.one} '${name}' already exists!`,
      );
    }
    const refusal = this.family.refusal(name);
    if (refusal !== null) throw new ControlError("invalid", refusal);
    this.#empty.add(name);
    return `${words.created(name)}\n`;
  }

  set(title: string, payload: string): string {
    const { words } = this.family;
    const before = this.#ongoing;
    const names = this.#names(title);
    const fail = (code: "unknown" | "invalid" | "conflict", reason: string) =>
      new ControlError(code, `${reason}\nCan't update ${title}!`);
    if (names.length === 0) {
      throw fail(
        "unknown",
        `Can't replace a ${words.one} which is not referenced by the configuration!`,
      );
    }
    if (before && before.title !== title) {
      throw fail("conflict", about(before, "set", title));
    }
    let material: M;
    try {
      material = this.family.read(names, payload, before?.material);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      throw fail("invalid", error.message);
    }
    this.#ongoing = { title, names, material };
    const what = before ? "updated" : "created";
    return `Transaction ${what} for ${words.transaction} ${title}!\n`;
  }

  async commit(title: string, by: string): Promise<string> {
    const ongoing = this.#begun("commit", title, `\nCan't commit ${title}!`);
    const { names, material } = ongoing;
    const reason = this.family.incomplete(material);
    if (reason !== null) {
      throw new ControlError("invalid", `${reason}\nCan't commit ${title}!`);
    }
    await this.family.put(names, material, by);
    // Another may have been begun while this one came into force.
    if (this.#ongoing === ongoing) this.#ongoing = null;
    for (const name of names) this.#empty.delete(name);
    const oddity = this.family.oddity?.(material) ?? null;
    const lines = [`Committing ${title}`, ...oddity === null ? [] : [oddity]];
    return `${lines.join("\n")}\nSuccess!\n`;
  }

  abort(title: string): string {
    this.#begun("abort", title, "");
    this.#ongoing = null;
    const { transaction } = this.family.words;
    return `Transaction aborted for ${transaction} '${title}'!\n`;
  }

  async remove(name: string, by: string): Promise<string> {
    const { one } = this.family.words;
    const [entry, ...more] = this.#entries(name);
    const refuse = (code: "unknown" | "conflict", reason: string) =>
      new ControlError(code, `Can't remove the ${one}: '${name}' ${reason}!`);
    const used = this.#ongoing?.names.includes(name) || more.length > 0 ||
      entry && entry.file !== null;
    if (used) throw refuse("conflict", "in use, can't be deleted");
    if (entry) await this.family.remove(name, by);
    else if (!this.#empty.delete(name)) {
      throw refuse("unknown", "doesn't exist");
    }
    return `${one} '${name}' deleted!\n`;
  }

  show(which?: string): string {
    return which === undefined ? this.#list() : this.#details(which);
  }

  #list(): string {
    const { family } = this;
    const ongoing = this.#ongoing;
    const lines = ongoing
      ? [
        "# transaction",
        `*${ongoing.title}${family.summary(ongoing.material)}`,
      ]
      : [];
    const known = [
      ...family.entries().map(({ name, material }) =>
        `${name}${family.summary(material)}`
      ),
      ...this.#empty,
    ];
    return text([...lines, "# filename", ...known.sort()]);
  }

  #details(which: string): string {
    // A path may end as a number of a part does.
    const whole = this.#detailsOf(which);
    const [, name, part] = whole
      ? [, which]
      : /^(.*):(\d+)$/s.exec(which) ?? [];
    const found = whole ?? (name === undefined ? null : this.#detailsOf(name));
    if (found === null) {
      const { one } = this.family.words;
      throw new ControlError("unknown", `Can't display the ${one}: Not found!`);
    }
    const { status, material } = found;
    const parts = material === null ? [] : this.family.parts(material);
    const shown = part === undefined
      ? parts
      : parts.slice(Number(part) - 1, Number(part));
    return text([`Filename: ${name}`, `Status: ${status}`, ...shown.flat()]);
  }

  #detailsOf(name: string): { status: string; material: M | null } | null {
    const ongoing = this.#ongoing;
    if (name.startsWith("*")) {
      return ongoing && ongoing.title === name.slice(1)
        ? { status: "Unused", material: ongoing.material }
        : null;
    }
    const [entry] = this.#entries(name);
    if (entry) return { status: "Used", material: entry.material };
    return this.#empty.has(name) ? { status: "Empty", material: null } : null;
  }

  /** The ongoing transaction, which must be about this entry. */
  #begun(verb: string, title: string, behind: string): Transaction<M> {
    const ongoing = this.#ongoing;
    if (ongoing === null) {
      throw new ControlError("unknown", `No ongoing transaction!${behind}`);
    }
    if (ongoing.title !== title) {
      throw new ControlError("conflict", about(ongoing, verb, title) + behind);
    }
    return ongoing;
  }

  /** The names that a name or a path means. */
  #names(title: string): string[] {
    const names = this.#entries(title).map(({ name }) => name);
    return names.length === 0 && this.#empty.has(title) ? [title] : names;
  }

  #entries(title: string): SslEntry<M>[] {
    const entries = this.family.entries();
    const named = entries.filter(({ name }) => name === title);
    return named.length > 0
      ? named
      : entries.filter(({ file }) => file === title);
  }
}

function about(
  { title }: Transaction<unknown>,
  verb: string,
  other: string,
): string {
  return `The ongoing transaction is about '${title}' but you are trying to ${verb} '${other}'`;
}

const text = (lines: readonly string[]) => `${lines.join("\n")}\n`;
