/** A mailbox with one message, as IMAP shows it. */

const encoder = new TextEncoder();

/** What a client asked for is not in this small server; answered with BAD and this text. */
export class NotServed extends Error {
  override readonly name = "NotServed";
}

/** An item of a FETCH response: a name with a plain value, or with a literal. */
interface Item {
  readonly name: string;
  readonly value: string;
  readonly literal: boolean;
}

export class Mailbox {
  readonly #head: readonly string[];
  readonly #text: string;

  /** `headers` without line ends; `text` with LF. */
  constructor(headers: readonly string[], text: string) {
    this.#head = headers;
    this.#text = text.replaceAll("\n", "\r\n");
  }

  get size(): number {
    return encoder.encode(this.#section("")).length;
  }

  /** The response to FETCH of this message with the items that `asked` names. Throws NotServed. */
  fetch(asked: string, withUid: boolean): Uint8Array {
    const items = parseItems(asked).map((name) => this.#item(name));
    if (withUid && !items.some(({ name }) => name === "UID")) {
      // RFC 9051 6.4.9: the UID is there whether it was asked for or not.
      items.unshift(this.#item("UID"));
    }
    const parts = items.map(({ name, value, literal }) =>
      literal
        ? `${name} {${encoder.encode(value).length}}\r\n${value}`
        : `${name} ${value}`
    );
    return encoder.encode(`* 1 FETCH (${parts.join(" ")})\r\n`);
  }

  /** The answers to STATUS, of the items that were asked for. */
  status(asked: string): string {
    const values: Readonly<Record<string, number>> = {
      MESSAGES: 1,
      RECENT: 0,
      UIDNEXT: 2,
      UIDVALIDITY: 1,
      UNSEEN: 0,
      SIZE: this.size,
    };
    const names = asked.toUpperCase().match(/[A-Z]+/g) ?? [];
    const known = names.filter((name) => name in values);
    return known.map((name) => `${name} ${values[name]}`).join(" ");
  }

  #item(asked: string): Item {
    const name = asked.toUpperCase();
    const plain = (value: string) => ({ name, value, literal: false });
    switch (name) {
      case "UID":
        return plain("1");
      case "FLAGS":
        return plain("(\\Seen)");
      case "INTERNALDATE":
        return plain('"01-Jan-2026 12:00:00 +0000"');
      case "RFC822.SIZE":
        return plain(String(this.size));
      case "RFC822":
        return { name, value: this.#section(""), literal: true };
    }
    const section = /^BODY(?:\.PEEK)?\[(.*)\]$/.exec(name)?.[1];
    if (section === undefined) throw new NotServed(`${asked} is not served`);
    return {
      name: `BODY[${section}]`,
      value: this.#section(section),
      literal: true,
    };
  }

  #section(section: string): string {
    const head = (lines: readonly string[]) => [...lines, "", ""].join("\r\n");
    const fields = /^HEADER\.FIELDS \(([^)]*)\)$/.exec(section)?.[1];
    if (fields !== undefined) {
      const wanted = fields.split(" ");
      return head(
        this.#head.filter((line) =>
          wanted.includes(line.slice(0, line.indexOf(":")).toUpperCase())
        ),
      );
    }
    switch (section) {
      case "":
        return head(this.#head) + this.#text;
      case "HEADER":
        return head(this.#head);
      case "TEXT":
      case "1":
        return this.#text;
    }
    throw new NotServed(`section ${section} is not served`);
  }
}

/** True when a sequence set (RFC 9051 9) takes in the only message; `*` is that message too. */
export function namesTheMessage(set: string): boolean {
  return set.split(",").some((range) => {
    const ends = range.split(":").map((end) => end === "*" ? 1 : Number(end));
    return Math.min(...ends) <= 1 && 1 <= Math.max(...ends);
  });
}

function parseItems(asked: string): string[] {
  const list = /^\((.*)\)$/.exec(asked)?.[1] ?? asked;
  if (list.toUpperCase() === "FAST") {
    return ["FLAGS", "INTERNALDATE", "RFC822.SIZE"];
  }
  return list.match(/BODY(?:\.PEEK)?\[[^\]]*\]\S*|\S+/gi) ?? [];
}
