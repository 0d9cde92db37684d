import type { Clock } from "../observe/clock.ts";
import { Connection } from "./connection.ts";
import { ANSWER_MS, type Echo, Inquiry } from "./inquiry.ts";
import { type KnownMember, Members, SILENT_MS } from "./members.ts";
import { type Answer, type Ask, type Beat, decode, encode } from "./message.ts";
import { type NumberedRequest, Owed, type Request } from "./owed.ts";
import type { BusLine, BusTransport } from "./transport.ts";

/** Between two signs of life. */
export const BEAT_MS = 1000;

/** A line on which even the own signs of life do not come back for so long carries nothing. */
export const DEAF_MS = 4000;

/** One that a new process takes over from has its name for a moment; so often it is a mistake. */
const NAMESAKES = 30;

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

/**
 * Asks the other proxies, and does what they ask. Messages of one proxy are heard in their order.
 * While there is no line nobody is asked; there is another one as soon as can be, until `close`.
 */
export class Bus {
  readonly #id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  readonly #members: Members;
  readonly #owed: Owed;
  readonly #inquiries = new Map<number, Inquiry>();
  readonly #connection: Connection;
  readonly #started: number;
  #line: BusLine | null = null;
  /** The line is open, and what was known before it was is forgotten. */
  #joined = false;
  #isClosing = false;
  /** Signs of life by others with the name of this proxy. */
  #namesakes = 0;
  #heardSelf = 0;
  #joinedAt = 0;
  #next = 1;
  #stopBeating = () => {};

  constructor(
    transport: BusTransport,
    private readonly host: BusHost,
    private readonly options: BusOptions,
  ) {
    const { clock, prefix } = options;
    this.#members = new Members(clock);
    this.#owed = new Owed(host.amends, clock);
    this.#started = clock.now();
    this.#connection = new Connection(transport, clock, {
      channels: [prefix, `${prefix}:${this.#id}`],
      message: (text) => this.#heard(text),
      begin: (line, lose) => this.#join(line, lose),
      end: () => this.#leave(),
      down: (reason) => host.events.down(reason),
    });
  }

  /** Why nothing is heard of others now; null: it is. */
  get problem(): string | null {
    return this.#joined ? null : this.#connection.problem;
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
    this.#connection.start();
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    const line = this.#joined ? this.#line : null;
    // Behind a goodbye a sign of life, even in answer to another's, would say that it is back.
    this.#isClosing = true;
    this.#joined = false;
    this.#stopBeating();
    if (line) {
      const goodbye = this.#send(
        line,
        encode({ kind: "leave", from: this.#id }),
      );
      const late = Promise.withResolvers<void>();
      const cancel = this.options.clock.after(ANSWER_MS, late.resolve);
      await Promise.race([goodbye, late.promise]);
      cancel();
    }
    await this.#connection.close();
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
      const unreached = [`all other proxies: ${this.#connection.problem}`];
      this.host.events.unreached(request.name, unreached);
      return { answers: new Map(), unreached };
    }
    const { clock } = this.options;
    const begun = clock.now();
    const inquiry = new Inquiry(numbered, this.#members.list());
    this.#inquiries.set(id, inquiry);
    const cancel = clock.after(ANSWER_MS, () => inquiry.giveUp());
    void this.#send(
      line,
      encode({ kind: "ask", from: this.#id, id, ...request }),
    );
    await inquiry.over;
    cancel();
    this.#inquiries.delete(id);
    if (inquiry.isAnswered) this.host.events.answered(clock.now() - begun);
    if (owed) {
      for (const { id: to } of inquiry.missing) this.#owed.add(to, numbered);
    }
    const echo = inquiry.echo(this.#line === line);
    if (echo.unreached.length > 0) {
      this.host.events.unreached(request.name, echo.unreached);
    }
    return echo;
  }

  async #join(line: BusLine, lose: (reason: string) => void): Promise<void> {
    this.#line = line;
    await this.host.joining();
    if (this.#isClosing) return;
    this.#heardSelf = this.#joinedAt = this.options.clock.now();
    this.#joined = true;
    this.host.events.up();
    this.#beat(line, true);
    for (const request of this.#owed.takeUntold()) {
      void this.ask(request, { owed: true });
    }
    for (const debt of this.#owed.of()) this.#tell(line, debt.to, debt);
    this.#stopBeating = this.#keepBeating(line, lose);
  }

  #leave(): void {
    this.#stopBeating();
    this.#line = null;
    this.#joined = false;
    // Nobody will answer any more.
    for (const inquiry of this.#inquiries.values()) inquiry.giveUp();
  }

  #keepBeating(line: BusLine, lose: (reason: string) => void): () => void {
    let cancel = () => {};
    const next = () => {
      cancel = this.options.clock.after(BEAT_MS, () => {
        if (this.options.clock.now() - this.#heardSelf > DEAF_MS) {
          return lose("it does not carry messages");
        }
        this.#beat(line, false);
        this.#owed.retain(new Set(this.#members.list().map(({ id }) => id)));
        next();
      });
    };
    next();
    return () => cancel();
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
    const missed = [...this.#inquiries.values()]
      .filter((inquiry) => inquiry.awaits(beat.from))
      .map(({ request }) => request);
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
    for (const inquiry of this.#inquiries.values()) inquiry.left(id);
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

  #heardAnswer(answer: Answer): void {
    const { from, id } = answer;
    const inquiry = this.#inquiries.get(id);
    if (!inquiry) return this.#owed.paid(from, id);
    inquiry.answer(this.#members.nameOf(from) ?? from, answer);
  }
}
