import type { Deadline, Deadlines } from "../../net/deadlines.ts";
import type { LineReader } from "../../net/line_reader.ts";
import { SMALL } from "./body.ts";

/** Bytes of further requests that a client may send before its response is complete. */
const PIPELINE_MAX = 8192;

/** A client that says that it has nothing more to send may still be reading, for so long. */
const HALF_CLOSED_MS = 5000;

/** Notices a client that leaves while it should be waiting for a response. */
export class ClientWatch {
  #reading = false;
  #busy = false;
  #ended = false;
  #deadline: Deadline | null = null;
  readonly #onRead = (more: boolean): void => {
    this.#reading = false;
    this.#ended = !more;
    if (!this.#busy) return;
    if (more) this.#read();
    else this.#wait();
  };

  constructor(
    private readonly deadlines: Deadlines,
    private readonly reader: LineReader,
    private readonly onLeft: () => void,
  ) {}

  /** The client has sent all of its request. */
  begin(): void {
    this.#busy = true;
    if (this.#ended) this.#wait();
    else this.#read();
  }

  /** The client is read from by others, or its response is complete. */
  end(): void {
    this.#busy = false;
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  #read(): void {
    if (this.#reading || this.reader.buffered >= PIPELINE_MAX) return;
    this.#reading = true;
    // The read may last as long as the connection: not in the buffer that a long head has needed.
    this.reader.shrink(SMALL);
    void this.reader.more().then(this.#onRead);
  }

  #wait(): void {
    this.#deadline ??= this.deadlines.after(HALF_CLOSED_MS, this.onLeft);
  }
}
