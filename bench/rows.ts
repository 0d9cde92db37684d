/** What is measured: each group of rows starts the subject afresh. */
import { connectTls, expectGreeting, type Target } from "./client.ts";
import { PROXY_NAME } from "./certificates.ts";
import type { Job, LoadEvent } from "./load.ts";
import {
  Conversation,
  cpuSeconds,
  fileLimit,
  pause,
  residentKb,
  type Running,
} from "./process.ts";
import { freePort, type Scene, type Subject } from "./subjects.ts";
import { Wire } from "./wire.ts";

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
  measure(bench: Bench): Promise<Figures>;
}

/** How much of everything. */
export interface Sizes {
  bulkBytes: number;
  logins: number;
  roundtrips: number;
  idle: [few: number, many: number];
  wrongNames: number;
  randomNames: number;
  halfway: number;
}

const GIB = 1 << 30;
const MIB = 1 << 20;

export const FULL: Sizes = {
  bulkBytes: GIB,
  logins: 3000,
  roundtrips: 5000,
  idle: [1000, 5000],
  wrongNames: 10_000,
  randomNames: 20_000,
  halfway: 10_000,
};

export const QUICK: Sizes = {
  bulkBytes: GIB / 4,
  logins: 500,
  roundtrips: 1000,
  idle: [500, 2000],
  wrongNames: 1000,
  randomNames: 2000,
  halfway: 1000,
};

/** One subject in one round. */
export class Bench {
  constructor(
    readonly subject: Subject,
    readonly scene: Scene,
    readonly sizes: Sizes,
    readonly ca: string,
  ) {}

  /** Starts the subject, waits until it serves, and always stops it. */
  async serve(
    work: (target: Target, proxy: Running, startMs: number) => Promise<Figures>,
  ): Promise<Figures> {
    const port = freePort();
    const target: Target = {
      port,
      tls: this.subject.tls,
      name: PROXY_NAME,
      ca: this.ca,
    };
    const begun = performance.now();
    const proxy = await this.subject.start(this.scene, port);
    try {
      await firstGreeting(target);
      return await work(target, proxy, performance.now() - begun);
    } catch (error) {
      const log = (await proxy.log()).trim().split("\n").slice(-3).join(" | ");
      throw new Error(`${this.subject.title}: ${error}; its log: ${log}`);
    } finally {
      await proxy.stop();
    }
  }
}

/** Tries every millisecond until a TLS connection gets its greeting. */
async function firstGreeting(target: Target): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await greeted(target);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(1);
    }
  }
}

/** A TLS connection and its greeting, within two seconds. */
async function greeted(target: Target): Promise<void> {
  let wire: Wire | undefined;
  let late: number | undefined;
  const deadline = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error("no greeting in 2 s")), 2000);
  });
  const attempt = async () => {
    wire = new Wire(await connectTls(target));
    if (target.tls === "implicit") await expectGreeting(wire);
  };
  try {
    await Promise.race([attempt(), deadline]);
  } finally {
    clearTimeout(late);
    wire?.close();
  }
}

async function load<T>(
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
async function timed(
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
async function warmUp(target: Target, proxy: Running): Promise<void> {
  await timed({ target, task: "logins", count: 300, parallel: 16 }, proxy);
  const bulk = { target, task: "bulk", sessions: 1, bytes: 32 * MIB } as const;
  await timed({ ...bulk, direction: "down" }, proxy);
  await timed({ ...bulk, direction: "up" }, proxy);
}

/** Resident KB when it has stopped falling. */
async function settledKb(proxy: Running): Promise<number> {
  let last = await residentKb(proxy.pid);
  for (let i = 0; i < 10; i++) {
    await pause(1000);
    const now = await residentKb(proxy.pid);
    if (i >= 2 && now >= last - 256) return now;
    last = now;
  }
  return last;
}

/** Highest resident KB of some seconds. */
async function peakKb(proxy: Running, seconds: number): Promise<number> {
  let peak = 0;
  for (let i = 0; i < seconds * 4; i++) {
    peak = Math.max(peak, await residentKb(proxy.pid));
    await pause(250);
  }
  return peak;
}

const row = (
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

const startup: Group = {
  name: "startup",
  once: false,
  rows: [row("startup", "start-up: exec to the first greeting, ms", 0)],
  measure: (bench) =>
    bench.serve((_target, _proxy, startMs) =>
      Promise.resolve({ startup: startMs })
    ),
};

const bulk: Group = {
  name: "bulk",
  once: false,
  rows: [
    row("bulk1down", "CPU s for 1 GiB down, one session", 2),
    row("bulk1up", "CPU s for 1 GiB up, one session", 2),
    row("bulk1", "CPU s for 1 GiB, one session, mean of both", 2),
    row("bulk50down", "CPU s for 1 GiB down, fifty sessions", 2),
    row("bulk50up", "CPU s for 1 GiB up, fifty sessions", 2),
    row("bulk50", "CPU s for 1 GiB, fifty sessions, mean of both", 2),
    row("bulkRate", "MiB/s, one session, mean of both", 0),
  ],
  measure: (bench) =>
    bench.serve(async (target, proxy) => {
      await warmUp(target, proxy);
      const bytes = bench.sizes.bulkBytes;
      const figures: Figures = {};
      let ms = 0;
      for (const sessions of [1, 50]) {
        for (const direction of ["down", "up"] as const) {
          const done = await timed(
            { target, task: "bulk", direction, sessions, bytes },
            proxy,
          );
          figures[`bulk${sessions}${direction}`] = done.cpu * GIB / bytes;
          if (sessions === 1) ms += Number(done["ms"]);
        }
      }
      const mean = (key: string) =>
        ((figures[`${key}down`] ?? NaN) + (figures[`${key}up`] ?? NaN)) / 2;
      return {
        ...figures,
        bulk1: mean("bulk1"),
        bulk50: mean("bulk50"),
        bulkRate: 2 * bytes / MIB / (ms / 1000),
      };
    }),
};

const logins: Group = {
  name: "logins",
  once: false,
  rows: [
    row("loginCpu", "CPU ms of a login, 64 in parallel", 2),
    row("loginP50", "login latency ms, 64 in parallel, p50", 1),
    row("loginP99", "login latency ms, 64 in parallel, p99", 1),
    row("loginFailed", "logins failed", 0, false),
    row("loginAloneP50", "login latency ms, one at a time, p50", 2),
    row("loginAloneP99", "login latency ms, one at a time, p99", 2),
  ],
  measure: (bench) =>
    bench.serve(async (target, proxy) => {
      await warmUp(target, proxy);
      const count = bench.sizes.logins;
      const many = await timed(
        { target, task: "logins", count, parallel: 64 },
        proxy,
      );
      if (many["error"]) console.error(`first failure: ${many["error"]}`);
      const alone = await timed(
        { target, task: "logins", count: count / 10, parallel: 1 },
        proxy,
      );
      return {
        loginCpu: many.cpu * 1000 / count,
        loginP50: Number(many["p50"]),
        loginP99: Number(many["p99"]),
        loginFailed: Number(many["failed"]),
        loginAloneP50: Number(alone["p50"]),
        loginAloneP99: Number(alone["p99"]),
      };
    }),
};

const roundtrips: Group = {
  name: "roundtrips",
  once: false,
  rows: [
    row("addedP50", "added round-trip latency, µs, p50", 0),
    row("addedP99", "added round-trip latency, µs, p99", 0),
  ],
  measure: (bench) =>
    bench.serve(async (target, proxy) => {
      await warmUp(target, proxy);
      const job = {
        target,
        task: "roundtrips",
        count: bench.sizes.roundtrips,
      } as const;
      const through = await timed(job, proxy);
      const direct = await timed({
        ...job,
        target: {
          ...target,
          tls: "implicit",
          port: bench.scene.backendPort,
          name: "backend.bench.test",
        },
      }, proxy);
      const added = (key: string) => Number(through[key]) - Number(direct[key]);
      return { addedP50: added("p50"), addedP99: added("p99") };
    }),
};

const idle: Group = {
  name: "idle",
  once: false,
  rows: [
    row("fresh", "RSS after the start, MiB", 0, false),
    row("idleFew", "KB of an idle session, 1,000 sessions", 0),
    row("idleMany", "KB of an idle session, 5,000 sessions", 0),
    row("idleHeld", "sessions held for the row above", 0, false),
  ],
  measure: (bench) =>
    bench.serve(async (target, proxy) => {
      const [few, wanted] = bench.sizes.idle;
      const room = Math.floor(
        (fileLimit - 800) / bench.subject.filesPerSession,
      );
      const many = Math.min(wanted, room);
      const fresh = await settledKb(proxy);
      return await load(
        { target, task: "idle", steps: [few, many] },
        async (talk) => {
          const figures: Figures = { fresh: fresh / 1024 };
          for (
            const [key, sessions] of [["Few", few], ["Many", many]] as const
          ) {
            await talk.go();
            await talk.next();
            figures[`idle${key}`] = (await settledKb(proxy) - fresh) / sessions;
          }
          return { ...figures, idleHeld: many };
        },
      );
    }),
};

const stalled: Group = {
  name: "stalled",
  once: true,
  rows: [
    row("stalledOne", "growth MiB, one client stops reading", 2, false),
    row("stalledMany", "growth MiB, 200 clients stop reading", 1, false),
  ],
  measure: async (bench) => {
    const grow = (sessions: number, warm: number, fresh: boolean) =>
      bench.serve(async (target, proxy) => {
        const job = {
          target,
          task: "stalled",
          sessions,
          bytes: GIB,
          warmUp: warm,
        } as const;
        const start = await settledKb(proxy);
        return await load(job, async (talk) => {
          const before = fresh ? start : await settledKb(proxy);
          await talk.go();
          await talk.next();
          return { growth: (await peakKb(proxy, 6) - before) / 1024 };
        });
      });
    // One client: against its own bridged session after some traffic.
    // 200 clients: against the fresh start, their sessions included.
    const one = await grow(1, 64 * MIB, false);
    const many = await grow(200, 0, true);
    return {
      stalledOne: one["growth"] ?? NaN,
      stalledMany: many["growth"] ?? NaN,
    };
  },
};

/** Growth in MiB over the warm state, some seconds after a load has ended. */
function growthAfter(bench: Bench, job: (target: Target) => Job) {
  return bench.serve(async (target, proxy) => {
    await warmUp(target, proxy);
    const before = await settledKb(proxy);
    const done = await load(job(target), async (talk) => {
      await talk.go();
      return await talk.next<LoadEvent>(3600);
    });
    const after = await settledKb(proxy);
    return {
      growth: (after - before) / 1024,
      failed: Number(done["failed"] ?? 0),
      completed: Number(done["completed"] ?? 0),
    };
  });
}

const abuse: Group = {
  name: "abuse",
  once: true,
  rows: [
    row("wrongNames", "growth MiB after the wrong-SNI handshakes", 1, false),
    row("halfway", "growth MiB after the half-way closes", 1, false),
    row("randomNames", "growth MiB after the random names", 1, false),
    row("randomDone", "random-name handshakes completed", 0, false),
  ],
  measure: async (bench) => {
    const { sizes } = bench;
    const parallel = 32;
    const wrong = await growthAfter(bench, (target) => ({
      target,
      task: "handshakes",
      names: "wrong",
      count: sizes.wrongNames,
      parallel,
    }));
    const half = await growthAfter(bench, (target) => ({
      target,
      task: "halfway",
      count: sizes.halfway,
      parallel,
    }));
    const random = await growthAfter(bench, (target) => ({
      target,
      task: "handshakes",
      names: "random",
      count: sizes.randomNames,
      parallel,
    }));
    return {
      wrongNames: wrong["growth"] ?? NaN,
      halfway: half["growth"] ?? NaN,
      randomNames: random["growth"] ?? NaN,
      randomDone: random["completed"] ?? NaN,
    };
  },
};

export const GROUPS: readonly Group[] = [
  startup,
  bulk,
  logins,
  roundtrips,
  idle,
  stalled,
  abuse,
];
