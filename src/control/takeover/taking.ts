/** The side of a takeover that takes over. */
import { JsonLines } from "../../net/json_lines.ts";
import { LineReader } from "../../net/line_reader.ts";
import { listenersAt, steer, steerNoMore } from "../../net/reuseport.ts";
import { dialUnix } from "../../net/unix_socket.ts";
import { writeAll } from "../../net/byte_stream.ts";
import { Port } from "../../port/port.ts";
import {
  type Estate,
  type Inheritance,
  type NewNotices,
  type NewRequests,
  type OldNotices,
  type OldRequests,
  TAKEOVER_ACCEPTED,
  TAKEOVER_COMMAND,
  TAKEOVER_VERSION,
} from "./messages.ts";
import type { OldPort, Predecessors } from "./predecessors.ts";

/** The running process lets nobody take over, or there is none. The message is for the operator. */
export class TakeoverRefused extends Error {
  override readonly name = "TakeoverRefused";
}

/** What old processes ask and tell. */
export interface TakingHost {
  readonly requests: {
    [K in keyof NewRequests]: (
      argument: NewRequests[K]["in"],
    ) => Promise<NewRequests[K]["out"]>;
  };
  readonly predecessors: Predecessors;
}

const ANSWER_MAX = 1024;

/** A connection to an old process that knows who this one is. */
interface OldLink {
  readonly port: OldPort;
  readonly lines: JsonLines;
}

/** Throws TakeoverRefused. */
async function meet(
  socket: string,
  who: { pid: number },
  host: () => TakingHost,
): Promise<OldLink> {
  try {
    const connection = await dialUnix(socket);
    const reader = new LineReader(connection);
    await writeAll(
      connection,
      new TextEncoder().encode(`${TAKEOVER_COMMAND}\n`),
    );
    const answer = await reader.readLine(ANSWER_MAX);
    const words = answer ? new TextDecoder().decode(answer.bytes) : "no answer";
    if (words !== TAKEOVER_ACCEPTED) throw new Error(words);
    const lines = new JsonLines(connection, reader);
    const port: OldPort = new Port<
      OldRequests,
      OldNotices,
      NewRequests,
      NewNotices
    >(lines, {
      lookup: (asked) => host().requests.lookup(asked),
      request: (carried) => host().requests.request(carried),
      command: (carried) => host().requests.command(carried),
    }, {
      counts: (counts) => host().predecessors.count(who.pid, counts),
      left: () => host().predecessors.left(who.pid),
    });
    void lines.run().then(() => port.close("the other process is gone"));
    const { proof } = await port.call("hello", {
      version: TAKEOVER_VERSION,
      pid: Deno.pid,
    });
    await port.call("prove", { proof: await Deno.readTextFile(proof) });
    return { port, lines };
  } catch (error) {
    throw new TakeoverRefused(`${socket}: ${(error as Error).message}`);
  }
}

/** A takeover from the process that answers on a runtime socket. */
export class Taking {
  #inheritance: Inheritance | null = null;

  private constructor(
    private readonly socket: string,
    private readonly link: OldLink,
    private readonly host: { current: TakingHost | null },
    private readonly who: { pid: number },
  ) {}

  /** The only takeover from it at this time. Throws TakeoverRefused. */
  static async claim(socket: string): Promise<Taking> {
    const host: { current: TakingHost | null } = { current: null };
    const who = { pid: 0 };
    const link = await meet(socket, who, () => host.current!);
    try {
      await link.port.call("claim", null);
    } catch (error) {
      link.lines.close();
      throw new TakeoverRefused(`${socket}: ${(error as Error).message}`);
    }
    return new Taking(socket, link, host, who);
  }

  /** It goes on as if nothing had been; the reason is for its log. */
  async giveUp(reason: string): Promise<void> {
    this.link.port.notify("failed", { reason });
    await this.link.lines.flushed();
    this.link.lines.close();
  }

  /** From now on it changes nothing, and keeps new connections to itself. Throws TakeoverRefused. */
  async begin(): Promise<Inheritance> {
    this.#inheritance = await this.#asked("begin");
    this.who.pid = this.#inheritance.pid;
    return this.#inheritance;
  }

  /** It lets go of what is given back. Throws TakeoverRefused. */
  switch(): Promise<Estate> {
    return this.#asked("switch");
  }

  /**
   * It is the old one from now on, and those before it know. Throws TakeoverRefused, and it goes on as if
   * nothing had been.
   */
  async take(host: TakingHost): Promise<void> {
    this.host.current = host;
    const { predecessors } = host;
    const { pid, old } = this.#inheritance!;
    await Promise.all(old.map(async (each) => {
      // One that has ended meanwhile has no sessions any more.
      const link = await meet(each.socket, each, () => host).catch(() => null);
      if (!link) return;
      predecessors.add(each, link.port, link.lines.ended);
      await link.port.call("adopt", null).catch(() => {});
      predecessors.left(each.pid);
    }));
    const socket = `${this.socket}.${pid}`;
    predecessors.add({ pid, socket }, this.link.port, this.link.lines.ended);
    await this.#asked("taken");
  }

  /** New connections come here, and once the old process has left, to all sockets alike. */
  steer(predecessors: Predecessors): void {
    const { ports } = this.#inheritance!;
    const own = listenersAt(ports.map(({ address }) => address));
    const here = ports
      .map(({ address, sockets }, i) => ({
        address,
        from: sockets,
        count: own[i]!,
      }))
      .filter(({ count }) => count > 0);
    steer(here);
    this.link.port.notify("steered", null);
    const addresses = here.map(({ address }) => address);
    void predecessors.allLeft().then(() => steerNoMore(addresses));
  }

  async #asked<K extends "begin" | "switch" | "taken">(
    name: K,
  ): Promise<OldRequests[K]["out"]> {
    try {
      return await this.link.port.call(name, null);
    } catch (error) {
      throw new TakeoverRefused(`${this.socket}: ${(error as Error).message}`);
    }
  }
}
