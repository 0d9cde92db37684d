import { legName } from "../../port/leg_name.ts";
import type { LegSnapshot } from "../../port/snapshot.ts";
import type { BackendLeg } from "../../protocols/backend_leg.ts";
import type { SmtpHello } from "../../protocols/protocol.ts";
import { openBackend } from "../../protocols/smtp/back.ts";
import { type Chunk, chunkCommand } from "../../protocols/smtp/chunk.ts";
import { DotStuffing } from "../../protocols/smtp/dot_stuffing.ts";
import {
  type Envelope,
  envelopeCommand,
  missingAt,
} from "../../protocols/smtp/envelope.ts";
import {
  LOOSE_LINE_END,
  NO_8BITMIME,
  NO_SMTPUTF8,
  UNAVAILABLE,
} from "../../protocols/smtp/relay_replies.ts";
import { ReplyReader } from "../../protocols/smtp/responses.ts";
import type { Reply } from "../../protocols/smtp/wire.ts";
import { Attempt } from "../attempt.ts";
import { throughBreaker } from "../breaker_gate.ts";
import type { WorkerCore } from "../core.ts";
import { connect, isConnectionError, isUnavailability } from "../replay.ts";
import type { Session } from "../session.ts";
import { tellUnavailable } from "./unavailable.ts";

const OPENER = { openBackend };

/**
 * One message's way to one destination, over a connection of its own. Each step takes at most
 * `backend_timeout`. What goes wrong is never thrown: it becomes `failure`, the reply that its
 * recipients get from then on, and the connection is closed, so that the backend forgets the message.
 */
export class Delivery {
  /** Recipients that the backend took. */
  taken = 0;
  #failure: string | null = null;
  #offered: ReadonlySet<string> = new Set();
  #timedOut = false;
  /** The backend has a part of the message, and has not answered to its end. */
  #midway = false;
  /** The BDAT that is to go out before the next octets. */
  #announcement = "";
  /** Set when a message of BDAT goes to a backend without it. */
  #stuffing: DotStuffing | null = null;
  readonly #attempt = new Attempt();

  constructor(
    private readonly core: WorkerCore,
    private readonly session: Session,
    readonly leg: LegSnapshot,
  ) {}

  /** With line ends; null while all is well. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Dial, say hello and MAIL. */
  async open(from: Envelope, hello: SmtpHello): Promise<void> {
    const { core, session, leg } = this;
    await this.#guard(async () => {
      const { capabilities } = await throughBreaker(
        core,
        session,
        this.#attempt,
        leg,
        () => connect(core, session, this.#attempt, leg, OPENER, hello),
      );
      this.#offered = capabilities;
      core.smtpOffers.set(
        legName(leg.destination, leg.protocol),
        capabilities,
      );
      if (this.#lacks(from)) return;
      const reply = await this.#ask(
        envelopeCommand("MAIL", from, capabilities),
      );
      if (!isDone(reply)) this.fail(relayed(reply));
    });
  }

  /** The backend's answer to a recipient, with line ends. */
  async recipient(to: Envelope): Promise<string> {
    let answer = UNAVAILABLE;
    await this.#guard(async () => {
      const missing = missingReply(to, this.#offered);
      if (missing !== null) {
        answer = missing;
        return;
      }
      const reply = await this.#ask(envelopeCommand("RCPT", to, this.#offered));
      if (isDone(reply)) this.taken++;
      answer = relayed(reply);
    });
    return this.#failure ?? answer;
  }

  /** DATA. */
  async begin(): Promise<void> {
    await this.#guard(async () => {
      this.#midway = true;
      const reply = await this.#ask("DATA");
      if (reply.code !== 354) {
        this.fail(reply.code >= 400 ? relayed(reply) : UNAVAILABLE);
      }
    });
  }

  /**
   * BDAT, which goes out with the first of its octets. A backend without CHUNKING gets the message by
   * DATA.
   */
  async chunk(chunk: Chunk): Promise<void> {
    if (this.#offered.has("CHUNKING")) {
      this.#announcement = chunkCommand(chunk);
    } else if (this.#stuffing === null) {
      this.#stuffing = new DotStuffing();
      await this.begin();
    }
  }

  /**
   * A part of the message as the client sent it, of a chunk perhaps the one that `ends` it. Resolves
   * when there may be more.
   */
  async write(data: Uint8Array, ends = false): Promise<void> {
    await this.#guard(async () => {
      const octets = this.#stuffing ? this.#stuffing.take(data, ends) : data;
      if (octets === null) return this.fail(LOOSE_LINE_END);
      this.#midway = true;
      if (this.#announcement !== "") {
        await this.#within(this.#backend.write(this.#announcement));
        this.#announcement = "";
      }
      await this.#within(this.#backend.write(octets));
    });
  }

  /** The answer to a chunk that is not the last; in DATA there is none. */
  async proceed(): Promise<void> {
    if (this.#stuffing !== null) return;
    await this.#guard(async () => {
      const reply = await this.#within(this.#reply());
      if (!isDone(reply)) this.fail(relayed(reply));
    });
  }

  /** One of the answers to the message, with line ends: LMTP has one for each recipient (RFC 2033 4.2). */
  async answer(): Promise<string> {
    let answer = UNAVAILABLE;
    await this.#guard(async () => {
      answer = relayed(await this.#within(this.#reply()));
      this.#midway = false;
    });
    return this.#failure ?? answer;
  }

  /** Its recipients get this reply from now on; the backend never sees the message's end. */
  fail(reply: string): void {
    this.#failure ??= reply;
    this.#attempt.leg?.close();
  }

  /** Break off whatever is under way. */
  cancel(): void {
    this.fail(UNAVAILABLE);
    this.#attempt.cancel("client-closed");
  }

  /** The message is over. */
  end(): void {
    const { leg } = this.#attempt;
    // In the middle of a message QUIT would be a part of it, and might complete it.
    if (leg === null || this.#midway || this.#failure !== null) {
      return this.cancel();
    }
    // Nobody waits for the answer.
    const write = leg.write("QUIT\r\n").catch(() => {});
    void this.#within(write).then(() => leg.close());
  }

  get #backend(): BackendLeg {
    return this.#attempt.leg!;
  }

  #lacks(from: Envelope): boolean {
    const reply = missingReply(from, this.#offered);
    if (reply !== null) this.fail(reply);
    return reply !== null;
  }

  #ask(command: string): Promise<Reply> {
    return this.#within((async () => {
      await this.#backend.write(`${command}\r\n`);
      return await this.#reply();
    })());
  }

  #reply(): Promise<Reply> {
    return new ReplyReader(this.#backend, "forwarding").next();
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    const { backendTimeout } = this.core.generation.snapshot;
    const deadline = this.core.deadlines.after(backendTimeout, () => {
      this.#timedOut = true;
      this.#backend.close();
    });
    try {
      return await work;
    } finally {
      deadline.cancel();
    }
  }

  /** Run a step unless the delivery has failed. Throws only what is a bug. */
  async #guard(step: () => Promise<void>): Promise<void> {
    if (this.#failure !== null) return;
    try {
      await step();
    } catch (error) {
      const cancelled = this.#attempt.cancelled !== null;
      const known = error instanceof Error &&
        (isUnavailability(error) || isConnectionError(error));
      if (!known && !cancelled) throw error;
      if (this.#failure === null) this.#complain(error as Error);
      this.fail(UNAVAILABLE);
    }
  }

  #complain(error: Error): void {
    const { core, session, leg } = this;
    const reason = this.#timedOut ? "timed out" : error.message;
    tellUnavailable(core, session, reason, leg.destination);
  }
}

/** RFC 5321 4.2.1: 2yz. */
function isDone({ code }: Reply): boolean {
  return code >= 200 && code < 300;
}

/** A reply for the client. One that asks for more makes no sense here. */
function relayed({ code, lines }: Reply): string {
  return code >= 300 && code < 400
    ? UNAVAILABLE
    : lines.map((line) => `${line}\r\n`).join("");
}

function missingReply(
  envelope: Envelope,
  offered: ReadonlySet<string>,
): string | null {
  const missing = missingAt(envelope, offered);
  if (missing === null) return null;
  return missing === "SMTPUTF8" ? NO_SMTPUTF8 : NO_8BITMIME;
}
