import type { Clock } from "../observe/clock.ts";
import { BusFault, type BusLine, type BusTransport } from "./transport.ts";

const CONNECT_MS = 5000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5000;

/** Who speaks over a connection. */
export interface LineUser {
  readonly channels: readonly string[];
  message(text: string): void;
  /** There is a line; `lose` gives it up. It is of use when this resolves. */
  begin(line: BusLine, lose: (reason: string) => void): Promise<void>;
  /** The line is closed, whether it was of use or not. */
  end(): void;
  /** Not called again for another reason until a line was of use. */
  down(reason: string): void;
}

/** Keeps a line to the server of the bus: one that is lost is followed by another, until `close`. */
export class Connection {
  readonly #closing = new AbortController();
  #problem = "not connected yet";
  #isToldDown = false;
  #retry = FIRST_RETRY_MS;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly transport: BusTransport,
    private readonly clock: Clock,
    private readonly user: LineUser,
  ) {}

  /** Why there was no line, the last time that there was none. */
  get problem(): string {
    return this.#problem;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let reason: string;
      try {
        reason = await this.#hold();
      } catch (error) {
        reason = (error as Error).message;
      }
      if (signal.aborted) return;
      this.#problem = reason;
      if (!this.#isToldDown) this.user.down(reason);
      this.#isToldDown = true;
      // Many proxies lose a server at the same moment.
      await this.#pause(this.#retry * (0.5 + Math.random() / 2));
      this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY_MS);
    }
  }

  /** Connect, and resolve with the reason when the line is lost. Throws BusFault. */
  async #hold(): Promise<string> {
    const { signal } = this.#closing;
    const lost = Promise.withResolvers<string>();
    const line = await this.#connect(lost.resolve);
    const close = () => lost.resolve("closed");
    signal.addEventListener("abort", close);
    try {
      if (signal.aborted) return "closed";
      await this.user.begin(line, lost.resolve);
      this.#isToldDown = false;
      this.#retry = FIRST_RETRY_MS;
      return await lost.promise;
    } finally {
      signal.removeEventListener("abort", close);
      line.close();
      this.user.end();
    }
  }

  async #connect(lost: (reason: string) => void): Promise<BusLine> {
    const { signal } = this.#closing;
    const { channels } = this.user;
    const giveUp = new AbortController();
    const abort = () => giveUp.abort(new BusFault("closed"));
    signal.addEventListener("abort", abort);
    const cancel = this.clock.after(CONNECT_MS, () =>
      giveUp.abort(
        new BusFault(`no connection within ${CONNECT_MS / 1000} s`),
      ));
    try {
      return await this.transport.connect(
        channels,
        { message: (text) => this.user.message(text), lost },
        giveUp.signal,
      );
    } catch (error) {
      giveUp.signal.throwIfAborted();
      throw error;
    } finally {
      cancel();
      signal.removeEventListener("abort", abort);
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.clock.after(ms, end);
      signal.addEventListener("abort", end);
    });
  }
}
