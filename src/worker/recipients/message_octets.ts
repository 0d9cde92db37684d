import { SessionEnd } from "../../protocols/session_end.ts";
import type { Chunk } from "../../protocols/smtp/chunk.ts";
import { DataEnd } from "../../protocols/smtp/data_end.ts";
import { SMUGGLED } from "../../protocols/smtp/relay_replies.ts";
import type { Attempt } from "../attempt.ts";
import type { Session } from "../session.ts";
import type { Delivery } from "./delivery.ts";

const PIECE = 64 * 1024;
const NOTHING = new Uint8Array(0);

/** The octets of a message on their way from the client to its deliveries, of which there may be none. */
export class MessageOctets {
  /** How many have passed. */
  count = 0;

  /** `confirm` is awaited before the octets that make a backend keep the message. */
  constructor(
    private readonly session: Session,
    private readonly attempt: Attempt,
    private readonly confirm: () => Promise<void>,
  ) {}

  /** Up to the end of DATA. Throws SessionEnd, and what cancelled the attempt; so does `chunk`. */
  async data(deliveries: readonly Delivery[]): Promise<void> {
    const scanner = new DataEnd();
    for (let found = "more"; found !== "end";) {
      const data = await this.#waiting();
      const scan = scanner.scan(data);
      found = scan.found;
      if (found === "smuggled") {
        for (const delivery of deliveries) delivery.fail(SMUGGLED);
      }
      if (found === "end") await this.confirm();
      await this.#pass(deliveries, data.subarray(0, scan.count), false);
    }
    this.session.leg.reader.resize();
  }

  /** All of a chunk. */
  async chunk(
    deliveries: readonly Delivery[],
    { size, last }: Chunk,
  ): Promise<void> {
    let left = size;
    do {
      const data = left === 0 ? NOTHING : await this.#waiting();
      const part = data.subarray(0, left);
      left -= part.length;
      const ends = last && left === 0;
      if (ends) await this.confirm();
      await this.#pass(deliveries, part, ends);
    } while (left > 0);
    this.session.leg.reader.resize();
  }

  async #waiting(): Promise<Uint8Array> {
    const { reader } = this.session.leg;
    const data = await this.attempt.interruptible(reader.waiting(PIECE));
    if (data === null) throw new SessionEnd("client-closed");
    return data;
  }

  /** As fast as the slowest delivery takes them. */
  async #pass(
    deliveries: readonly Delivery[],
    part: Uint8Array,
    ends: boolean,
  ): Promise<void> {
    const { leg, flow } = this.session;
    await Promise.all(
      deliveries.map((delivery) => delivery.write(part, ends)),
    );
    this.attempt.check();
    leg.reader.skip(part.length);
    this.count += part.length;
    flow.forward += part.length;
    flow.active = true;
  }
}
