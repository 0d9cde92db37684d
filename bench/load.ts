/**
 * The load generator: `load.ts JOB` with a job in JSON. It prints one JSON
 * event a line and waits for a line on stdin behind each, so that the runner
 * reads CPU time and memory of the proxy between the steps.
 */
import {
  connectPlain,
  connectTls,
  expectGreeting,
  login,
  type Target,
} from "./client.ts";
import { DIALOGUES, type Direction, transact } from "./dialogues.ts";
import { Wire } from "./wire.ts";

/** What the runner can ask for. */
export type Job =
  & { target: Target }
  & (
    | {
      task: "bulk";
      direction: Direction;
      sessions: number;
      /** Of all sessions together. */
      bytes: number;
      /** Bytes of one transfer; without it each session makes one of its share. */
      message?: number;
    }
    | { task: "logins"; count: number; parallel: number }
    | { task: "idle"; steps: number[] }
    | { task: "roundtrips"; count: number }
    | { task: "stalled"; sessions: number; bytes: number; warmUp: number }
    | {
      task: "handshakes";
      count: number;
      parallel: number;
      names: "wrong" | "random";
    }
    | { task: "halfway"; count: number; parallel: number }
    /** One login of a cached account and one of a new one, in turns. */
    | { task: "lookups"; count: number }
    /** Logins of cached accounts, one at a time, for so long in each window; every other one is of the other kind. */
    | { task: "windows"; windows: number; ms: number }
    /** Logins a second of new accounts, those before `from` left out, until it is ended. */
    | { task: "uncached"; rate: number; from: number }
  );

/** What a step reports; the keys depend on the task. */
export interface LoadEvent {
  event: string;
  [figure: string]: number | string;
}

const stdin = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .getReader();

/** Reports, then waits until the runner has read its figures; false: it wants no more. */
async function report(event: LoadEvent): Promise<boolean> {
  console.log(JSON.stringify(event));
  return !(await stdin.read()).done;
}

/** `count` runs of `work`, `parallel` at once; errors are counted. */
async function times(
  count: number,
  parallel: number,
  work: (index: number) => Promise<void>,
): Promise<{ failed: number; error: string }> {
  let next = 0;
  let failed = 0;
  let error = "";
  const lane = async () => {
    while (next < count) {
      try {
        await work(next++);
      } catch (reason) {
        failed++;
        error ||= String(reason);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return { failed, error };
}

function percentile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[
    Math.min(sorted.length - 1, Math.floor(sorted.length * part))
  ] ??
    NaN;
}

/** Few accounts, so that their routes are cached after the warm-up. */
const user = (index: number) => `user${index % 50}@example.com`;

/** An account that the proxy has not heard of, as long as no index comes twice. */
const newcomer = (index: number) => `new${index}@example.com`;

/** The ms from the SYN to the OK of a login, which is then ended. */
async function timeLogin(target: Target, account: string): Promise<number> {
  const start = performance.now();
  const wire = await login(target, account);
  const taken = performance.now() - start;
  try {
    await DIALOGUES[target.protocol].logout(wire);
  } finally {
    wire.close();
  }
  return taken;
}

async function openSessions(target: Target, count: number): Promise<Wire[]> {
  const wires: Wire[] = [];
  const { failed, error } = await times(count, 32, async (index) => {
    wires.push(await login(target, user(index)));
  });
  if (failed > 0) throw new Error(`${failed} sessions did not open: ${error}`);
  return wires;
}

async function run(job: Job): Promise<void> {
  const { target } = job;
  switch (job.task) {
    case "bulk": {
      const wires = await openSessions(target, job.sessions);
      const share = Math.floor(job.bytes / job.sessions);
      const message = job.message ?? share;
      const count = Math.max(1, Math.round(share / message));
      const transfer = DIALOGUES[target.protocol].transfers[job.direction];
      if (!transfer) throw new Error(`${target.protocol}: no ${job.direction}`);
      await report({ event: "ready" });
      const start = performance.now();
      await Promise.all(wires.map(async (wire) => {
        for (let i = 0; i < count; i++) await transfer(wire, message);
      }));
      await report({
        event: "done",
        ms: performance.now() - start,
        bytes: job.sessions * count * message,
      });
      return;
    }
    case "logins": {
      const taken: number[] = [];
      await report({ event: "ready" });
      const result = await times(job.count, job.parallel, async (index) => {
        taken.push(await timeLogin(target, user(index)));
      });
      await report({
        event: "done",
        p50: percentile(taken, 0.5),
        p99: percentile(taken, 0.99),
        ...result,
      });
      return;
    }
    case "idle": {
      const wires: Wire[] = [];
      await report({ event: "ready" });
      for (const step of job.steps) {
        const more = await openSessions(target, step - wires.length);
        // One command each, so that the session is a bridged one.
        await Promise.all(more.map(DIALOGUES[target.protocol].noop));
        wires.push(...more);
        await report({ event: "held", sessions: wires.length });
      }
      for (const wire of wires) wire.close();
      return;
    }
    case "roundtrips": {
      const wire = await login(target, user(0));
      for (let i = 0; i < 500; i++) await transact(wire, "e ECHO");
      const taken: number[] = [];
      await report({ event: "ready" });
      for (let i = 0; i < job.count; i++) {
        const start = performance.now();
        await transact(wire, "e ECHO");
        taken.push((performance.now() - start) * 1000);
      }
      await report({
        event: "done",
        p50: percentile(taken, 0.5),
        p99: percentile(taken, 0.99),
      });
      return;
    }
    case "stalled": {
      const wires = await openSessions(target, job.sessions);
      if (job.warmUp > 0) {
        for (const wire of wires) {
          await wire.write(`w SEND ${job.warmUp}\r\n`);
          await wire.skip(job.warmUp);
          await wire.readLine();
        }
      }
      await report({ event: "ready" });
      for (const wire of wires) await wire.write(`d SEND ${job.bytes}\r\n`);
      // From here on nobody reads.
      await report({ event: "stalled" });
      for (const wire of wires) wire.close();
      return;
    }
    case "handshakes": {
      await report({ event: "ready" });
      // A wrong name is refused by the client, as a real one would; with
      // random names the handshake is completed and the greeting read.
      const wrong = job.names === "wrong";
      let completed = 0;
      const { error } = await times(job.count, job.parallel, async (index) => {
        const name = wrong
          ? `wrong${index % 16}.invalid`
          : `${crypto.randomUUID()}.invalid`;
        const wire = new Wire(await connectTls({ ...target, name }, wrong));
        try {
          await expectGreeting(target, wire);
          completed++;
        } finally {
          wire.close();
        }
      });
      await report({ event: "done", completed, error });
      return;
    }
    case "halfway": {
      const hello = await captureClientHello(target);
      const half = hello.subarray(0, hello.length >> 1);
      await report({ event: "ready" });
      const result = await times(job.count, job.parallel, async (index) => {
        const conn = await connectPlain(target);
        const wire = new Wire(conn);
        try {
          if (index % 2 === 0) {
            await wire.write(half);
          } else {
            await wire.write(hello);
            await conn.read(new Uint8Array(4096));
          }
        } finally {
          wire.close();
        }
      });
      await report({ event: "done", ...result });
      return;
    }
    case "lookups": {
      const hit: number[] = [];
      const miss: number[] = [];
      await report({ event: "ready" });
      for (let i = 0; i < job.count; i++) {
        hit.push(await timeLogin(target, user(i)));
        miss.push(await timeLogin(target, newcomer(i)));
      }
      await report({
        event: "done",
        hitP50: percentile(hit, 0.5),
        hitP99: percentile(hit, 0.99),
        missP50: percentile(miss, 0.5),
        missP99: percentile(miss, 0.99),
      });
      return;
    }
    case "windows": {
      const taken: [even: number[], odd: number[]] = [[], []];
      for (let i = 0; i < job.windows; i++) {
        await report({ event: "ready" });
        const end = performance.now() + job.ms;
        while (performance.now() < end) {
          taken[i % 2]?.push(await timeLogin(target, user(i)));
        }
      }
      const [even, odd] = taken;
      await report({
        event: "done",
        odd: odd.length,
        evenP50: percentile(even, 0.5),
        evenP99: percentile(even, 0.99),
        oddP50: percentile(odd, 0.5),
        oddP99: percentile(odd, 0.99),
      });
      return;
    }
    case "uncached":
      return await keepComing(job.target, job.rate, job.from);
  }
}

/** Begins logins whether those before have ended or not; each step reports what ended in it. */
async function keepComing(target: Target, rate: number, from: number) {
  let next = from;
  let step = { done: 0, failed: 0, longest: 0 };
  const one = async () => {
    const start = performance.now();
    await timeLogin(target, newcomer(next++)).then(
      () => step.done++,
      () => step.failed++,
    );
    step.longest = Math.max(step.longest, performance.now() - start);
  };
  setInterval(() => void one(), 1000 / rate);
  let isWanted = true;
  while (isWanted) {
    const before = step;
    step = { done: 0, failed: 0, longest: 0 };
    isWanted = await report({ event: "step", ...before });
  }
}

/** The first flight of our own TLS client, to be cut off at will. */
async function captureClientHello(target: Target): Promise<Uint8Array> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const { port } = listener.addr;
  const dial = connectTls({ ...target, tls: "implicit", port }).catch(() => {});
  const conn = await accepted;
  const buffer = new Uint8Array(4096);
  const got = await conn.read(buffer);
  conn.close();
  listener.close();
  await dial;
  return buffer.slice(0, got ?? 0);
}

if (import.meta.main) {
  try {
    await run(JSON.parse(Deno.args[0] ?? "{}") as Job);
    Deno.exit(0);
  } catch (error) {
    console.log(JSON.stringify({ event: "error", error: String(error) }));
    Deno.exit(1);
  }
}
