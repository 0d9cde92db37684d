import type { Clock } from "../observe/clock.ts";
import { type KnownMember, Members, SILENT_MS } from "./members.ts";
import { type Answer, type Ask, type Beat, decode, encode } from "./message.ts";
import { type NumberedRequest, Owed, type Request } from "./owed.ts";
import { BusFault, type BusLine, type BusTransport } from "./transport.ts";

/** Between two signs of life. */
export const BEAT_MS = 1000;

/** A line on which even the own signs of life do not come back for so long carries nothing. */
export const DEAF_MS = 4000;

const CONNECT_MS = 5000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5000;

/** One that a new process takes over from has its name for a moment; so often it is a mistake. */
const NAMESAKES = 30;

/** How long answers are waited for. */
export const ANSWER_MS = 1000;

/** What became of a request. */
export interface Echo {
  /** By the name of the member. */
  readonly answers: ReadonlyMap<string, unknown>;
  /** Who did not answer, and why; one line each. */
  readonly unreached: readonly string[];
}

/** The proxy around the bus. */
export interface BusHost {
  readonly version: string;
  sessions(): number;
  /** Do what another proxy asks. What is thrown is told to it as one line. */
  handle(request: Request): Promise<unknown>;
  /**
   * Messages come from now on, and before may have been missed: forget what is known. The others count on
   * this proxy when it resolves.
   */
  joining(): Promise<void>;
  /** What one that has just come is asked, so that it does as the others do. */
  briefing(): readonly Request[];
  /** In place of requests that were too many to keep while nobody heard them. */
  readonly amends: Request;
  readonly events: BusEvents;
}

export interface BusEvents {
  up(): void;
  /** Not called again for another reason while it stays down. */
  down(reason: string): void;
  memberCame(node: string): void;
  memberLeft(node: string): void;
  /** Another proxy goes by the name of this one. */
  nameTaken(node: string): void;
  unreached(name: string, who: readonly string[]): void;
  message(direction: "in" | "out"): void;
  /** All who were waited for have answered, after so many ms. */
  answered(after: number): void;
}

export interface BusOptions {
  readonly prefix: string;
  readonly node: string;
  readonly clock: Clock;
}

interface Waiting {
  readonly request: NumberedRequest;
  readonly pending: Set<string>;
  readonly answers: Map<string, unknown>;
  readonly failed: string[];
  done(): void;
}

/**
 * Asks the other proxies, and does what they ask. Messages of one proxy are heard in their order.
 * While there is no line nobody is asked, and everything is tried again until `close`.
 */
export class Bus {
  readonly #id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  readonly #members: Members;
  readonly #owed: Owed;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closing = new AbortController();
  readonly #started: number;
  #line: BusLine | null = null;
  /** The line is open, and what was known before it was is forgotten. */
  #joined = false;
  #problem: string | null = "not connected yet";
  #told = false;
  /** Signs of life by others with the name of this proxy. */
  #namesakes = 0;
  #heardSelf = 0;
  #joinedAt = 0;
  #next = 1;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly transport: BusTransport,
    private readonly host: BusHost,
    private readonly options: BusOptions,
  ) {
    this.#members = new Members(options.clock);
    this.#owed = new Owed(host.amends, options.clock);
    this.#started = options.clock.now();
  }

  /** Why nothing is heard of others now; null: it is. */
  get problem(): string | null {
    return this.#joined ? null : this.#problem;
  }

  get node(): string {
    return this.options.node;
  }

  members(): {
    readonly self: Pick<KnownMember, "version" | "sessions" | "up">;
    readonly others: readonly KnownMember[];
  } {
    return {
      self: {
        version: this.host.version,
        sessions: this.host.sessions(),
        up: this.options.clock.now() - this.#started,
      },
      others: this.#members.list(),
    };
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    const line = this.#line;
    if (line && this.#joined) {
      const goodbye = this.#send(
        line,
        encode({ kind: "leave", from: this.#id }),
      );
      await Promise.race([goodbye, this.#pause(ANSWER_MS)]);
    }
    this.#closing.abort();
    await this.#running;
  }

  /**
   * Ask every other proxy, and wait for their answers for `ANSWER_MS` at most. `owed`: who is not reached
   * now is asked again when it can be.
   */
  async ask(
    request: Request,
    { owed = false }: { readonly owed?: boolean } = {},
  ): Promise<Echo> {
    const id = this.#next++;
    const numbered = { id, ...request };
    const line = this.#line;
    if (!line || !this.#joined) {
      if (owed) this.#owed.add(null, numbered);
      const unreached = [`all other proxies: ${this.#problem}`];
      this.host.events.unreached(request.name, unreached);
      return { answers: new Map(), unreached };
    }
    const begun = this.options.clock.now();
    const members = this.#members.list();
    const pending = new Set(
      members.flatMap(({ id, isSilent }) => isSilent ? [] : [id]),
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = {
      request: numbered,
      pending: new Set(pending),
      answers: new Map(),
      failed: [],
      done: resolve,
    };
    this.#waiting.set(id, waiting);
    const cancel = this.options.clock.after(ANSWER_MS, resolve);
    if (pending.size === 0) resolve();
    void this.#send(
      line,
      encode({ kind: "ask", from: this.#id, id, ...request }),
    );
    await promise;
    cancel();
    this.#waiting.delete(id);
    if (pending.size > 0 && waiting.pending.size === 0) {
      this.host.events.answered(this.options.clock.now() - begun);
    }
    const unreached = [...waiting.failed];
    for (const { id: to, node, age, isSilent } of members) {
      if (!isSilent && !waiting.pending.has(to)) continue;
      if (owed) this.#owed.add(to, numbered);
      unreached.push(
        isSilent
          ? `${node}: silent for ${Math.round(age / 1000)} s`
          : this.#line === line
          ? `${node}: no answer within ${ANSWER_MS} ms`
          : `${node}: the connection to the bus was lost`,
      );
    }
    if (unreached.length > 0) {
      this.host.events.unreached(request.name, unreached);
    }
    return { answers: waiting.answers, unreached };
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let retry = FIRST_RETRY_MS;
    while (!signal.aborted) {
      let reason: string;
      try {
        reason = await this.#serve(() => retry = FIRST_RETRY_MS);
      } catch (error) {
        reason = (error as Error).message;
      }
      this.#leave();
      if (signal.aborted) return;
      this.#problem = reason;
      if (!this.#told) this.host.events.down(reason);
      this.#told = true;
      // Many proxies lose a server at the same moment.
      await this.#pause(retry * (0.5 + Math.random() / 2));
      retry = Math.min(retry * 2, LONGEST_RETRY_MS);
    }
  }

  /** Connect, and resolve with the reason when the line is lost. Throws BusFault. */
  async #serve(joined: () => void): Promise<string> {
    const { signal } = this.#closing;
    const lost = Promise.withResolvers<string>();
    const line = await this.#connect(lost.resolve);
    this.#line = line;
    const close = () => lost.resolve("closed");
    signal.addEventListener("abort", close);
    let stopBeating = () => {};
    try {
      if (signal.aborted) return "closed";
      await this.host.joining();
      this.#heardSelf = this.#joinedAt = this.options.clock.now();
      this.#joined = true;
      this.#told = false;
      joined();
      this.host.events.up();
      this.#beat(line, true);
      for (const request of this.#owed.takeUntold()) {
        void this.ask(request, { owed: true });
      }
      for (const debt of this.#owed.of()) this.#tell(line, debt.to, debt);
      stopBeating = this.#keepBeating(line, lost.resolve);
      return await lost.promise;
    } finally {
      stopBeating();
      signal.removeEventListener("abort", close);
    }
  }

  async #connect(lost: (reason: string) => void): Promise<BusLine> {
    const { prefix, clock } = this.options;
    const { signal } = this.#closing;
    const giveUp = new AbortController();
    const abort = () => giveUp.abort(new BusFault("closed"));
    signal.addEventListener("abort", abort);
    const cancel = clock.after(CONNECT_MS, () =>
      giveUp.abort(
        new BusFault(`no connection within ${CONNECT_MS / 1000} s`),
      ));
    try {
      return await this.transport.connect(
        [prefix, `${prefix}:${this.#id}`],
        { message: (text) => this.#heard(text), lost },
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

  #keepBeating(line: BusLine, lost: (reason: string) => void): () => void {
    let cancel = () => {};
    const next = () => {
      cancel = this.options.clock.after(BEAT_MS, () => {
        if (this.options.clock.now() - this.#heardSelf > DEAF_MS) {
          return lost("it does not carry messages");
        }
        this.#beat(line, false);
        this.#owed.retain(new Set(this.#members.list().map(({ id }) => id)));
        next();
      });
    };
    next();
    return () => cancel();
  }

  #leave(): void {
    this.#line?.close();
    this.#line = null;
    this.#joined = false;
    // Nobody will answer any more.
    for (const { done } of this.#waiting.values()) done();
  }

  #beat(line: BusLine, hello: boolean): void {
    void this.#send(
      line,
      encode({
        kind: "beat",
        from: this.#id,
        node: this.options.node,
        version: this.host.version,
        up: this.options.clock.now() - this.#started,
        sessions: this.host.sessions(),
        hello,
      }),
    );
  }

  /** Ask one member without waiting for it. */
  #tell(line: BusLine, to: string, request: NumberedRequest): void {
    const { id, name, argument } = request;
    const message = {
      kind: "ask",
      from: this.#id,
      id,
      name,
      argument,
    } as const;
    void this.#send(line, encode(message), to);
  }

  async #send(line: BusLine, text: string, to: string | null = null) {
    const { prefix } = this.options;
    this.host.events.message("out");
    // What could not be sent is noticed by the line that is lost with it.
    await line.publish(to === null ? prefix : `${prefix}:${to}`, text)
      .catch(() => {});
  }

  #heard(text: string): void {
    const message = decode(text);
    if (message === null) return;
    this.host.events.message("in");
    if (message.from === this.#id) {
      if (message.kind === "beat") this.#heardSelf = this.options.clock.now();
      return;
    }
    switch (message.kind) {
      case "beat":
        return this.#heardBeat(message);
      case "leave":
        return this.#heardLeave(message.from);
      case "ask":
        return void this.#heardAsk(message);
      case "answer":
        return this.#heardAnswer(message);
    }
  }

  #heardBeat(beat: Beat): void {
    const isNew = this.#members.beat(beat);
    if (isNew) this.host.events.memberCame(beat.node);
    if (beat.node === this.options.node && ++this.#namesakes === NAMESAKES) {
      this.host.events.nameTaken(beat.node);
    }
    const line = this.#line;
    if (!line || !this.#joined) return;
    if (!beat.hello) {
      for (const debt of this.#owed.overdue(beat.from)) {
        this.#tell(line, beat.from, debt);
      }
      if (isNew && this.#wasDividedFrom(beat)) void this.host.joining();
      return;
    }
    this.#beat(line, false);
    // What it is waited for was said before it listened.
    const missed = [...this.#waiting.values()].flatMap((
      { request, pending },
    ) => pending.has(beat.from) ? [request] : []);
    const briefing = this.host.briefing()
      .map((request) => ({ id: this.#next++, ...request }));
    const requests = [...this.#owed.of(beat.from), ...missed, ...briefing];
    for (const request of requests) this.#tell(line, beat.from, request);
  }

  /**
   * Whether one that is new here has been there for long: the servers of the bus did not hear each other,
   * which nobody noticed who is connected to one of them, and neither has told the other what it did.
   */
  #wasDividedFrom({ from, node, up }: Beat): boolean {
    const here = this.options.clock.now() - this.#joinedAt;
    const hasNamesake = this.#members.list().some((other) =>
      other.node === node && other.id !== from
    );
    return Math.min(here, up) > SILENT_MS && !hasNamesake;
  }

  #heardLeave(id: string): void {
    const node = this.#members.left(id);
    if (node === null) return;
    this.#owed.retain(new Set(this.#members.list().map(({ id }) => id)));
    for (const waiting of this.#waiting.values()) {
      if (waiting.pending.delete(id) && waiting.pending.size === 0) {
        waiting.done();
      }
    }
    this.host.events.memberLeft(node);
  }

  async #heardAsk({ from: to, id, name, argument }: Ask): Promise<void> {
    const line = this.#line;
    let outcome: Pick<Answer, "result" | "failed">;
    try {
      const result = await this.host.handle({ name, argument });
      outcome = { result: result ?? null };
    } catch (error) {
      outcome = { result: null, failed: (error as Error).message };
    }
    if (!line) return;
    const text = encode({ kind: "answer", from: this.#id, id, ...outcome });
    await this.#send(line, text, to);
  }

  #heardAnswer({ from, id, result, failed }: Answer): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return this.#owed.paid(from, id);
    if (!waiting.pending.delete(from)) return;
    const node = this.#members.nameOf(from) ?? from;
    const name = waiting.answers.has(node) ? `${node} (${from})` : node;
    if (failed === undefined) waiting.answers.set(name, result);
    else waiting.failed.push(`${node}: ${failed}`);
    if (waiting.pending.size === 0) waiting.done();
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.options.clock.after(ms, end);
      signal.addEventListener("abort", end);
    });
  }
}
