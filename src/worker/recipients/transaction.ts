import type { DeliveryResult } from "../../observe/metric_names.ts";
import type { SmtpHello } from "../../protocols/protocol.ts";
import type { Chunk } from "../../protocols/smtp/chunk.ts";
import type { Envelope } from "../../protocols/smtp/envelope.ts";
import * as replies from "../../protocols/smtp/relay_replies.ts";
import { Attempt } from "../attempt.ts";
import type { WorkerCore } from "../core.ts";
import { leadsTo } from "../login_route.ts";
import type { Session } from "../session.ts";
import { Delivery } from "./delivery.ts";
import { MessageOctets } from "./message_octets.ts";
import { sizeLimit } from "./offers.ts";
import { isHeld, recipientKeys, routeRecipient } from "./routes.ts";
import { tellUnavailable } from "./unavailable.ts";

/** RFC 5321 4.5.3.1.8 wants 100 at least. */
const RECIPIENTS_MAX = 1000;

/** A recipient that its backend took. */
interface Recipient {
  readonly keys: readonly string[];
  readonly delivery: Delivery;
}

/**
 * One message from its MAIL on. Nothing is kept of it: what the client sends goes to all destinations
 * as it comes, as fast as the slowest takes it, and the client has a recipient's answer when its
 * backend has given it.
 */
export class Transaction {
  /** By which a kick reaches it. */
  readonly attempt = new Attempt();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #recipients: Recipient[] = [];
  readonly #results: Record<DeliveryResult, number> = {
    accepted: 0,
    refused: 0,
    deferred: 0,
  };
  readonly #began = performance.now();
  readonly #octets: MessageOctets;
  #asked = 0;
  /** It comes by BDAT: octets that were announced so far. */
  #announced: number | null = null;
  /** All recipients have been refused in the answer to a chunk. */
  #isRefused = false;

  constructor(
    private readonly core: WorkerCore,
    private readonly session: Session,
    private readonly from: Envelope,
    private readonly hello: SmtpHello,
  ) {
    this.#octets = new MessageOctets(
      session,
      this.attempt,
      () => this.#confirm(),
    );
    this.attempt.signal.addEventListener("abort", () => {
      for (const delivery of this.#deliveries.values()) delivery.cancel();
    });
  }

  /** The answer to RCPT. Throws what cancelled the attempt. */
  async recipient(to: Envelope): Promise<string> {
    if (this.#asked >= RECIPIENTS_MAX) return replies.TOO_MANY;
    this.#asked++;
    const answer = await this.#recipient(to);
    this.attempt.check();
    // Those that were taken are counted by the answer to the message.
    if (!answer.startsWith("2")) this.#count(answer);
    return answer;
  }

  async #recipient(to: Envelope): Promise<string> {
    const { snapshot } = this.core.generation;
    const keys = recipientKeys(to.path, snapshot);
    const answer = await this.#offer(to, keys);
    if (!answer.startsWith("2")) this.#forget(keys);
    return answer;
  }

  /** Who was refused carries no mail: a kick of that account must not end the mail of others. */
  #forget(refused: readonly string[]): void {
    const { core, session } = this;
    for (const key of refused) {
      const taken = this.#recipients.some(({ keys }) => keys.includes(key));
      if (!taken) core.sessions.dropRecipient(session, key);
    }
  }

  async #offer(to: Envelope, keys: readonly string[]): Promise<string> {
    const { core, session } = this;
    const route = await routeRecipient(core, session, this.attempt, keys);
    if ("reply" in route) return route.reply;
    const { destination } = route;
    const elsewhere = this.#recipients.some(({ delivery }) =>
      delivery.leg.destination !== destination
    );
    // SMTP has one answer for all recipients of a message.
    if (session.listener.protocol === "smtp" && elsewhere) {
      return replies.OTHER_DESTINATION;
    }
    const delivery = await this.#deliveryTo(destination);
    if (delivery === null) return replies.UNAVAILABLE;
    const answer = await delivery.recipient(to);
    if (answer.startsWith("2")) this.#recipients.push({ keys, delivery });
    return answer;
  }

  async #deliveryTo(destination: string): Promise<Delivery | null> {
    const { core, session } = this;
    const known = this.#deliveries.get(destination);
    if (known) return known;
    const { protocol } = session.listener;
    const leg = core.generation.snapshot.destinations[destination]
      ?.legs[protocol];
    if (!leg) {
      const reason = `destination ${destination} has no leg for ${protocol}`;
      tellUnavailable(core, session, reason, destination);
      return null;
    }
    const delivery = new Delivery(core, session, leg);
    this.#deliveries.set(destination, delivery);
    this.#report(destination);
    await delivery.open(this.from, this.hello);
    session.stage = "bridge";
    return delivery;
  }

  /** DATA up to the last answer. Throws SessionEnd, and what cancelled the attempt. */
  async data(): Promise<void> {
    const deliveries = this.#chosen();
    await this.#confirm();
    await Promise.all(deliveries.map((delivery) => delivery.begin()));
    this.attempt.check();
    const refusal = refusalBy(deliveries);
    if (refusal !== null) return await this.#refuse(refusal);
    await this.#say(replies.GO_ON);
    await this.#octets.data(deliveries);
    await this.#answer(deliveries);
  }

  /**
   * BDAT up to its answer. Its octets are taken whatever becomes of them (RFC 3030 2). Throws SessionEnd,
   * and what cancelled the attempt.
   */
  async chunk(chunk: Chunk): Promise<void> {
    const deliveries = this.#chosen();
    if (this.#announced === null) await this.#confirm();
    this.#announced = (this.#announced ?? 0) + chunk.size;
    if (this.#announced > this.#limit) {
      for (const delivery of deliveries) delivery.fail(replies.TOO_LARGE);
    }
    await Promise.all(deliveries.map((delivery) => delivery.chunk(chunk)));
    await this.#octets.chunk(deliveries, chunk);
    if (deliveries.length === 0) return await this.#say(replies.NO_RECIPIENTS);
    if (chunk.last) return await this.#answer(deliveries);
    await Promise.all(deliveries.map((delivery) => delivery.proceed()));
    this.attempt.check();
    const refusal = refusalBy(deliveries);
    await (refusal === null ? this.#say(replies.OK) : this.#refuse(refusal));
  }

  /** One answer for all recipients, which have none. */
  async #refuse(answer: string): Promise<void> {
    this.#countAll(answer);
    this.#isRefused = true;
    await this.#say(answer);
  }

  /** The client's answers in the order of its recipients (RFC 2033 4.2). */
  async #answer(deliveries: readonly Delivery[]): Promise<void> {
    if (this.session.listener.protocol === "smtp") {
      const answer = await deliveries[0]!.answer();
      this.attempt.check();
      this.#countAll(answer);
      return await this.#say(answer);
    }
    const last = new Map<Delivery, Promise<string>>();
    // All backends' answers are awaited at once, each one's in their order.
    const answers = this.#recipients.map(({ delivery }) => {
      const before = last.get(delivery) ?? Promise.resolve("");
      const answer = before.then(() => delivery.answer());
      last.set(delivery, answer);
      return answer;
    });
    for (const pending of answers) {
      const answer = await this.attempt.interruptible(pending);
      if (!this.#isRefused) this.#count(answer);
      await this.#say(answer);
    }
  }

  /**
   * What has moved, or is held, since it was looked up, must not land on its old server: its delivery
   * fails, and the sender comes back.
   */
  async #confirm(): Promise<void> {
    const { core, session, attempt } = this;
    while (attempt.stale) {
      attempt.stale = false;
      for (const { keys, delivery } of this.#recipients) {
        if (delivery.failure !== null) continue;
        const now = await routeRecipient(core, session, attempt, keys);
        if ("reply" in now) delivery.fail(now.reply);
        else if (!leadsTo(core, now.destination, delivery.leg)) {
          delivery.fail(replies.UNAVAILABLE);
        }
      }
    }
    // Last, since a hold may have come during the lookups.
    for (const { keys, delivery } of this.#recipients) {
      if (isHeld(core, keys)) delivery.fail(replies.HELD);
    }
  }

  /** Some recipient was taken. */
  get hasRecipients(): boolean {
    return this.#recipients.length > 0;
  }

  /** A BDAT came, even one that was refused. */
  get isChunked(): boolean {
    return this.#announced !== null;
  }

  /** Where its recipients are. */
  #chosen(): readonly Delivery[] {
    return [...new Set(this.#recipients.map(({ delivery }) => delivery))];
  }

  get #limit(): number {
    return sizeLimit(this.core.generation.snapshot.recipients ?? { ehlo: [] });
  }

  /** The message is over, however it went: leave its backends, and tell of it. */
  end(): void {
    const { core, session } = this;
    for (const delivery of this.#deliveries.values()) delivery.end();
    core.sessions.dropRecipients(session);
    const { accepted, refused, deferred } = this.#results;
    for (const [result, by] of Object.entries(this.#results)) {
      if (by === 0) continue;
      core.reporter.count(
        `deliveries.${session.listener.protocol}.${result}`,
        by,
      );
    }
    core.reporter.log("info", "message", {
      client: session.client.hostname,
      listener: session.listener.name,
      protocol: session.listener.protocol,
      session: session.id,
      upstream_id: session.upstreamId ?? undefined,
      destinations: [...this.#deliveries.keys()],
      accepted,
      refused,
      deferred,
      bytes: this.#octets.count,
      ms: Math.round(performance.now() - this.#began),
    });
  }

  /** Once for each message: behind a refused chunk there may be others, with answers of their own. */
  #countAll(answer: string): void {
    if (this.#isRefused) return;
    for (const _ of this.#recipients) this.#count(answer);
  }

  #count(answer: string): void {
    const result = answer.startsWith("2")
      ? "accepted"
      : answer.startsWith("5")
      ? "refused"
      : "deferred";
    this.#results[result]++;
  }

  async #say(text: string): Promise<void> {
    this.session.flow.backward += text.length;
    this.session.flow.active = true;
    await this.attempt.interruptible(this.session.leg.write(text));
  }

  #report(destination: string): void {
    const { core, session } = this;
    session.destination = destination;
    core.reporter.session({
      kind: "change",
      id: session.id,
      stage: "bridge",
      destination,
    });
  }
}

/** The answer for all recipients when no delivery goes on; null while one does. */
function refusalBy(deliveries: readonly Delivery[]): string | null {
  const failures = new Set(deliveries.map(({ failure }) => failure));
  if (failures.has(null)) return null;
  const [first] = failures;
  return failures.size === 1 ? first! : replies.UNAVAILABLE;
}
