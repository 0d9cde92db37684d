/** The frame of every measurement: a subject started afresh, a load, figures. */
import { connect, expectGreeting, type Target } from "./client.ts";
import { PROXY_NAME } from "./certificates.ts";
import { DIALOGUES, type Direction } from "./dialogues.ts";
import type { Job, LoadEvent } from "./load.ts";
import { Conversation, cpuSeconds, pause, type Running } from "./process.ts";
import {
  freePort,
  type Scene,
  type Subject,
  type SubjectName,
} from "./subjects.ts";
import type { Wire } from "./wire.ts";

/** Figures of one round, by row key. */
export type Figures = Record<string, number>;

export interface Row {
  key: string;
  title: string;
  digits: number;
  /** Whether a ratio to the rivals says something. */
  ratio: boolean;
}

export interface Group {
  name: string;
  rows: Row[];
  /** Bounds rather than speeds: one round is enough. */
  once: boolean;
  /** Only these; every one without it. */
  subjects?: readonly SubjectName[];
  measure(bench: Bench): Promise<Figures>;
}

/** How much of everything. */
export interface Sizes {
  bulkBytes: number;
  logins: number;
  roundtrips: number;
  /** Small JMAP calls go on for so many seconds. */
  callSeconds: number;
  websockets: number;
  idle: [few: number, many: number];
  wrongNames: number;
  randomNames: number;
  halfway: number;
  /** Logins that hit, and as many that miss. */
  lookups: number;
  /** In half of which the store hangs. */
  windows: number;
}

export const GIB = 1 << 30;
export const MIB = 1 << 20;
/** A large mail: 50 MB is what many servers allow. */
export const MESSAGE_BYTES = 50_000_000;

export const FULL: Sizes = {
  bulkBytes: GIB,
  logins: 3000,
  roundtrips: 5000,
  callSeconds: 10,
  websockets: 2000,
  idle: [1000, 5000],
  wrongNames: 10_000,
  randomNames: 20_000,
  halfway: 10_000,
  lookups: 3000,
  windows: 8,
};

export const QUICK: Sizes = {
  bulkBytes: GIB / 4,
  logins: 500,
  roundtrips: 1000,
  callSeconds: 4,
  websockets: 500,
  idle: [500, 2000],
  wrongNames: 1000,
  randomNames: 2000,
  halfway: 1000,
  lookups: 500,
  windows: 2,
};

/** One subject in one round. */
export class Bench {
  constructor(
    readonly subject: Subject,
    readonly scene: Scene,
    readonly sizes: Sizes,
    readonly ca: string,
  ) {}

  /** The same under other circumstances. */
  with(change: Partial<Scene>): Bench {
    const scene = { ...this.scene, ...change };
    return new Bench(this.subject, scene, this.sizes, this.ca);
  }

  /** Starts the subject, waits until it serves, and always stops it. */
  async serve<T = Figures>(
    work: (target: Target, proxy: Running, startMs: number) => Promise<T>,
  ): Promise<T> {
    const port = freePort();
    const target: Target = {
      port,
      protocol: this.scene.protocol,
      tls: this.scene.plain ? "plain" : this.subject.tls,
      name: PROXY_NAME,
      ca: this.ca,
      proxyHeader: this.scene.proxyHeader ?? false,
    };
    const begun = performance.now();
    const proxy = await this.subject.start(this.scene, port);
    try {
      await Promise.race([
        firstGreeting(target),
        proxy.ended.then(() => Promise.reject(new Error("it ended"))),
      ]);
      return await work(target, proxy, performance.now() - begun);
    } catch (error) {
      const log = (await proxy.log()).trim().split("\n").slice(-3).join(" | ");
      throw new Error(`${this.subject.title}: ${error}; its log: ${log}`);
    } finally {
      await proxy.stop();
    }
  }
}

/** Tries every millisecond until a connection gets its greeting. */
export async function firstGreeting(target: Target): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      return await greeted(target);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(1);
    }
  }
}

/** A connection and its greeting, within two seconds. */
async function greeted(target: Target): Promise<void> {
  let wire: Wire | undefined;
  let late: number | undefined;
  const deadline = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error("no greeting in 2 s")), 2000);
  });
  const attempt = async () => {
    wire = await connect(target);
    await expectGreeting(target, wire);
  };
  try {
    await Promise.race([attempt(), deadline]);
  } finally {
    clearTimeout(late);
    wire?.close();
  }
}

export async function load<T>(
  job: Job,
  work: (talk: Conversation) => Promise<T>,
): Promise<T> {
  const talk = new Conversation("load.ts", [JSON.stringify(job)]);
  try {
    await talk.next();
    return await work(talk);
  } finally {
    await talk.stop();
  }
}

/** One step of the load, with the CPU seconds that the proxy took for it. */
export async function timed(
  job: Job,
  proxy: Running,
): Promise<LoadEvent & { cpu: number }> {
  return await load(job, async (talk) => {
    const before = await cpuSeconds(proxy.pid);
    await talk.go();
    const event = await talk.next<LoadEvent>();
    // What is left of closing sessions belongs to the work.
    await pause(100);
    return { ...event, cpu: await cpuSeconds(proxy.pid) - before };
  });
}

/** Code paths compiled, routes cached, TLS sessions known to whoever keeps them. */
export async function warmUp(target: Target, proxy: Running): Promise<void> {
  await timed({ target, task: "logins", count: 300, parallel: 16 }, proxy);
  const bulk = { target, task: "bulk", sessions: 1, bytes: 32 * MIB } as const;
  for (const direction of directions(target)) {
    await timed({ ...bulk, direction }, proxy);
  }
}

/** Those in which the target's protocol carries messages. */
export function directions({ protocol }: Target): Direction[] {
  const { transfers } = DIALOGUES[protocol];
  return (["down", "up"] as const).filter((direction) => transfers[direction]);
}

export const row = (
  key: string,
  title: string,
  digits: number,
  ratio = true,
): Row => ({
  key,
  title,
  digits,
  ratio,
});
