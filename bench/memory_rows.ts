/** Memory: of idle sessions, and what bad clients leave behind. */
import {
  type Bench,
  firstGreeting,
  GIB,
  type Group,
  load,
  MIB,
  row,
  warmUp,
} from "./bench.ts";
import type { Target } from "./client.ts";
import type { Job, LoadEvent } from "./load.ts";
import { fileLimit, pause, residentKb, type Running } from "./process.ts";

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

/** KB of each idle session at every step, which is a number of them, and of a fresh start. */
export function idleKb(
  bench: Bench,
  steps: number[],
): Promise<{ fresh: number; held: number[] }> {
  return bench.serve(async (target, proxy) => {
    const fresh = await settledKb(proxy);
    return await load({ target, task: "idle", steps }, async (talk) => {
      const held: number[] = [];
      for (const sessions of steps) {
        await talk.go();
        await talk.next();
        held.push((await settledKb(proxy) - fresh) / sessions);
      }
      return { fresh, held };
    });
  });
}

export const idle: Group = {
  name: "idle",
  once: false,
  rows: [
    row("fresh", "RSS after the start, MiB", 0, false),
    row("idleFew", "KB of an idle session, 1,000 sessions", 0),
    row("idleMany", "KB of an idle session, 5,000 sessions", 0),
    row("idleHeld", "sessions held for the row above", 0, false),
  ],
  measure: async (bench) => {
    const [few, wanted] = bench.sizes.idle;
    const room = Math.floor(
      (fileLimit - 800) / bench.subject.filesPerSession,
    );
    const many = Math.min(wanted, room);
    const { fresh, held } = await idleKb(bench, [few, many]);
    return {
      fresh: fresh / 1024,
      idleFew: held[0] ?? NaN,
      idleMany: held[1] ?? NaN,
      idleHeld: many,
    };
  },
};

export const stalled: Group = {
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
    // A wrong name is meant to fail; whatever else fails is worth a line.
    if (done["error"] && Number(done["completed"] ?? 1) > 0) {
      console.error(`first failure: ${done["error"]}`);
    }
    await firstGreeting(target);
    const after = await settledKb(proxy);
    return {
      growth: (after - before) / 1024,
      completed: Number(done["completed"] ?? 0),
    };
  });
}

export const abuse: Group = {
  name: "abuse",
  once: true,
  rows: [
    row("wrongNames", "growth MiB after the wrong-SNI handshakes", 1, false),
    row("halfway", "growth MiB after the half-way closes", 1, false),
    row("randomNames", "growth MiB after the random names", 1, false),
    row("randomDone", "random-name handshakes completed", 0, false),
  ],
  measure: async (plain) => {
    const bench = plain.with({ pickByName: true });
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
