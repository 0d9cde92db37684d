import { Buffer } from "node:buffer";
import type { ClientSocket as Socket } from "../../net/node_client.ts";
import type { SqlParameter, SqlStatement } from "./connection.ts";

/** What a statement gave: its rows in the text form of the protocol. */
export interface PipelinedResult {
  readonly rows: readonly (readonly (Buffer | null)[])[];
  /** The types of the columns. */
  readonly types: readonly number[];
}

/** The server refused a statement. */
export class PipelineError extends Error {
  override readonly name = "PipelineError";
  constructor(
    /** SQLSTATE. */
    readonly code: string,
    message: string,
    /** What was bound to the statement. */
    readonly parameters: readonly SqlParameter[],
  ) {
    super(message);
  }
}

/** A parameter as the text of its type. */
export type Serialize = (type: number, value: SqlParameter) => string;

/** How a statement is bound, and what it gives. */
interface Described {
  parameters: readonly number[];
  columns: readonly number[];
}

/** Messages of https://www.postgresql.org/docs/current/protocol-message-formats.html, by their first octet. */
const [PARSE, DESCRIBE, BIND, EXECUTE, FLUSH, SYNC] = [
  ...Buffer.from("PDBEHS"),
];

/**
 * Runs statements one behind the other without waiting for the answer to each. The client library takes two
 * round trips for a statement, and so this speaks with the server while the library has nothing under way,
 * over the library's socket. Nothing is named at the server. Throws PipelineError for the first statement
 * that is refused, behind which none is run, and the error of a connection that breaks. What a transaction
 * is, is up to the caller.
 */
export async function pipeline(
  socket: Socket,
  statements: readonly SqlStatement[],
  serialize: Serialize,
): Promise<PipelinedResult[]> {
  const exchange = new Exchange(socket);
  try {
    const described = await exchange.describe(statements);
    return await exchange.run(statements, described, serialize);
  } finally {
    exchange.end();
  }
}

type Listener = (bytes: Buffer) => void;

class Exchange {
  readonly #library: readonly Listener[];
  #frame: (type: string, body: Buffer) => void = () => {};
  #fail: (error: Error) => void = () => {};
  #rest: Buffer = Buffer.alloc(0);

  constructor(private readonly socket: Socket) {
    this.#library = socket.listeners("data") as Listener[];
    socket.on("data", this.#take);
    for (const each of this.#library) socket.off("data", each);
    socket.on("close", this.#broke);
    socket.on("error", this.#broke);
  }

  /** The library has its socket back. */
  end(): void {
    const { socket } = this;
    for (const each of this.#library) socket.on("data", each);
    socket.off("data", this.#take);
    socket.off("close", this.#broke);
    socket.off("error", this.#broke);
  }

  /** What the statements take and give, by their text. */
  async describe(
    statements: readonly SqlStatement[],
  ): Promise<ReadonlyMap<string, Described>> {
    const texts = [...new Set(statements.map(({ sql }) => sql))];
    const described: Described[] = [];
    const out = new Frames();
    for (const sql of texts) {
      out.parse(sql);
      out.describe();
    }
    out.bare(FLUSH);
    let parameters: readonly number[] = [];
    await this.#ask(out, (type, body, done, fail) => {
      if (type === "E") return fail(errorOf(body, []));
      if (type === "t") parameters = parameterTypes(body);
      else if (type === "T" || type === "n") {
        const columns = type === "T" ? columnTypes(body) : [];
        described.push({ parameters, columns });
        if (described.length === texts.length) done();
      }
    }).catch(async (error) => {
      if (error instanceof PipelineError) await this.#synchronize();
      throw error;
    });
    return new Map(texts.map((sql, i) => [sql, described[i]!]));
  }

  async run(
    statements: readonly SqlStatement[],
    described: ReadonlyMap<string, Described>,
    serialize: Serialize,
  ): Promise<PipelinedResult[]> {
    const out = new Frames();
    let parsed: string | null = null;
    for (const { sql, parameters } of statements) {
      const types = described.get(sql)!.parameters;
      if (sql !== parsed) out.parse(sql);
      parsed = sql;
      out.bind(parameters.map((value, i) => serialize(types[i] ?? 0, value)));
      out.execute();
    }
    out.bare(SYNC);
    const results: PipelinedResult[] = [];
    let rows: (readonly (Buffer | null)[])[] = [];
    let refusal: PipelineError | null = null;
    await this.#ask(out, (type, body, done, fail) => {
      if (type === "D") rows.push(cellsOf(body));
      else if (type === "C" || type === "I") {
        const { sql } = statements[results.length]!;
        results.push({ rows, types: described.get(sql)!.columns });
        rows = [];
      } else if (type === "E") {
        refusal = errorOf(body, statements[results.length]?.parameters ?? []);
      } else if (type === "Z") refusal ? fail(refusal) : done();
    });
    return results;
  }

  /** Behind a failure the server takes nothing but this. */
  async #synchronize(): Promise<void> {
    const out = new Frames();
    out.bare(SYNC);
    await this.#ask(out, (type, _, done) => {
      if (type === "Z") done();
    });
  }

  /** Send, and give `take` what comes until it calls `done` or `fail`. */
  #ask(
    out: Frames,
    take: (
      type: string,
      body: Buffer,
      done: () => void,
      fail: (error: Error) => void,
    ) => void,
  ): Promise<void> {
    return new Promise((done, fail) => {
      this.#frame = (type, body) => take(type, body, done, fail);
      this.#fail = fail;
      if (this.socket.destroyed) this.#broke();
      else this.socket.write(out.take());
    });
  }

  readonly #take = (bytes: Buffer): void => {
    let rest = this.#rest.length === 0
      ? bytes
      : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 5) {
      const end = rest.readUInt32BE(1) + 1;
      if (rest.length < end) break;
      this.#frame(String.fromCharCode(rest[0]!), rest.subarray(5, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  };

  readonly #broke = (error?: unknown): void => {
    this.#fail(error instanceof Error ? error : new Error("closed"));
  };
}

/** Messages to the server, in one piece. */
class Frames {
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #at = 0;

  take(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  bare(type: number | undefined): void {
    this.#message(type, () => {});
  }

  /** Without a name, and with the types that the server finds. */
  parse(sql: string): void {
    this.#message(PARSE, () => {
      this.#text("\0");
      this.#text(`${sql}\0`);
      this.#int16(0);
    });
  }

  describe(): void {
    this.#message(DESCRIBE, () => this.#text("S\0"));
  }

  /** All values as text, and all results too. */
  bind(values: readonly string[]): void {
    this.#message(BIND, () => {
      this.#text("\0\0");
      this.#int16(0);
      this.#int16(values.length);
      for (const value of values) this.#sized(() => this.#text(value));
      this.#int16(0);
    });
  }

  /** Without a limit of rows. */
  execute(): void {
    this.#message(EXECUTE, () => {
      this.#text("\0");
      this.#int32(0);
    });
  }

  #message(type: number | undefined, content: () => void): void {
    this.#room(1);
    this.#buffer[this.#at++] = type!;
    this.#sized(content, 4);
  }

  /** The length in front, which counts itself in a message and does not in a value. */
  #sized(content: () => void, more = 0): void {
    const start = this.#at;
    this.#int32(0);
    content();
    this.#buffer.writeInt32BE(this.#at - start - 4 + more, start);
  }

  #text(text: string): void {
    this.#room(text.length * 3);
    this.#at += this.#buffer.write(text, this.#at);
  }

  #int16(value: number): void {
    this.#room(2);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  #int32(value: number): void {
    this.#room(4);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  #room(size: number): void {
    if (this.#at + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe((this.#buffer.length + size) * 2);
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** ParameterDescription. */
function parameterTypes(body: Buffer): number[] {
  return Array.from(
    { length: body.readUInt16BE(0) },
    (_, i) => body.readUInt32BE(2 + i * 4),
  );
}

/** RowDescription: behind the name of each column 18 octets, with its type at the seventh. */
function columnTypes(body: Buffer): number[] {
  let at = 2;
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const fields = body.indexOf(0, at) + 1;
    at = fields + 18;
    return body.readUInt32BE(fields + 6);
  });
}

/** DataRow. */
function cellsOf(body: Buffer): (Buffer | null)[] {
  let at = 2;
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const size = body.readInt32BE(at);
    at += 4;
    if (size < 0) return null;
    at += size;
    return body.subarray(at - size, at);
  });
}

/** ErrorResponse: fields that a letter names, each ended by a zero. */
function errorOf(
  body: Buffer,
  parameters: readonly SqlParameter[],
): PipelineError {
  const fields = body.toString("utf8").split("\0");
  const field = (letter: string) =>
    fields.find((each) => each.startsWith(letter))?.slice(1) ?? "";
  return new PipelineError(field("C"), field("M"), parameters);
}
