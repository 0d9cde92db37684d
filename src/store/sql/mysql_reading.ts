import { Buffer } from "node:buffer";
import type { SqlParameter, SqlValue } from "./connection.ts";
import {
  type Command,
  type Internals,
  type Packet,
  PacketWriter,
} from "./mysql_internals.ts";

const EXECUTE = 0x17;

const [OK, ERROR, END] = [0x00, 0xff, 0xfe];

/** An end is no longer than this: a longer packet that begins so is a row. */
const LONGEST_END = 8;

/** The character set of bytes. */
const BINARY = 63;

/** VARCHAR, and all from TINY_BLOB to STRING: types whose values come as they are. */
const isText = (type: number) => type === 0x0f || type >= 0xf9 && type <= 0xfe;

/**
 * Runs the prepared statement `id` for each of these without waiting for the answer before, and answers the
 * first value of the first row of each; null where these are of a type that only the library reads. MariaDB takes commands so,
 * and so does what says that it is one; others in between may not.
 */
export class ReadEach implements Command {
  readonly #found: SqlValue[] = [];
  /** Undefined: there was no row yet. */
  #first: SqlValue | undefined = undefined;
  /** What comes next of an answer. */
  #next: "head" | "columns" | "columns' end" | "rows" = "head";
  #columns = 0;
  #column = 0;
  #isBinary = false;
  #isReadable = true;
  #refusal: Error | null = null;

  constructor(
    private readonly id: number,
    private readonly rows: readonly (readonly SqlParameter[])[],
    private readonly done: (
      error: Error | null,
      found?: readonly SqlValue[] | null,
    ) => void,
  ) {}

  onResult(error: Error | null): void {
    this.done(error, this.#isReadable ? this.#found : null);
  }

  execute(packet: Packet | undefined, connection: Internals): boolean {
    if (packet === undefined) {
      this.#expectAnswer(connection);
      connection.write(this.#packets());
      return false;
    }
    if (!this.#isEnd(packet, connection)) return false;
    this.#found.push(this.#first ?? null);
    this.#first = undefined;
    this.#next = "head";
    this.#expectAnswer(connection);
    if (this.#found.length < this.rows.length) return false;
    this.onResult(this.#refusal);
    return true;
  }

  /** Each command counts its packets from the start. */
  #expectAnswer(connection: Internals): void {
    connection._resetSequenceId();
    connection._bumpSequenceId(1);
  }

  #isEnd(packet: Packet, connection: Internals): boolean {
    const body = packet.buffer.subarray(packet.offset, packet.end);
    const [first] = body;
    if (first === ERROR) {
      this.#refusal ??= packet.asError(connection.clientEncoding);
      return true;
    }
    switch (this.#next) {
      case "head":
        if (first === OK) return true;
        [this.#columns] = lengthAt(body, 0);
        this.#column = 0;
        this.#next = "columns";
        return false;
      case "columns":
        if (this.#column === 0) this.#take(body, connection);
        if (++this.#column === this.#columns) this.#next = "columns' end";
        return false;
      case "columns' end":
        this.#next = "rows";
        return false;
      case "rows":
        if (first === END && body.length <= LONGEST_END) return true;
        if (this.#first === undefined) this.#first = this.#valueOf(body);
        return false;
    }
  }

  /** ColumnDefinition41 of the first column: six names, others where the server has more to say, and the type. */
  #take(body: Buffer, connection: Internals): void {
    const names = connection._mariadbExtendedMetadata ? 7 : 6;
    let at = 0;
    for (let i = 0; i < names; i++) {
      const [length, behind] = lengthAt(body, at);
      at = behind + length;
    }
    this.#isBinary = body.readUInt16LE(at + 1) === BINARY;
    this.#isReadable &&= isText(body[at + 7] as number);
  }

  /** A row: an octet, a bit for each column that is NULL from the third one on, and the values. */
  #valueOf(row: Buffer): SqlValue {
    if (!this.#isReadable || row[1]! & 4) return null;
    const [length, at] = lengthAt(row, 1 + (this.#columns + 9 >> 3));
    const bytes = row.subarray(at, at + length);
    return this.#isBinary ? Uint8Array.from(bytes) : bytes.toString("utf8");
  }

  #packets(): Uint8Array {
    const out = new PacketWriter();
    for (const values of this.rows) {
      out.begin();
      out.int(EXECUTE, 1);
      out.int(this.id, 4);
      // No cursor, once.
      out.int(0, 1);
      out.int(1, 4);
      // None is NULL, and types follow.
      for (let i = 0; i < values.length; i += 8) out.int(0, 1);
      out.int(1, 1);
      out.textTypes(values.length);
      for (const value of values) out.text(String(value));
      out.end();
    }
    return out.take();
  }
}

/** A length-encoded integer, and where it ends. */
function lengthAt(bytes: Buffer, at: number): [value: number, behind: number] {
  const first = bytes[at] as number;
  if (first < 0xfb) return [first, at + 1];
  const octets = first === 0xfc ? 2 : first === 0xfd ? 3 : 6;
  const behind = at + 1 + (first === 0xfe ? 8 : octets);
  return [bytes.readUIntLE(at + 1, octets), behind];
}
