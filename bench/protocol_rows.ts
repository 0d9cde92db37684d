/** One protocol beside the other, and what only some of the programs can do. */
import {
  type Bench,
  directions,
  type Figures,
  GIB,
  type Group,
  MESSAGE_BYTES,
  row,
  timed,
  warmUp,
} from "./bench.ts";
import type { Target } from "./client.ts";
import { type Direction, type MailProtocol, PROTOCOLS } from "./dialogues.ts";
import type { Running } from "./process.ts";

const TITLES: Readonly<Record<MailProtocol, string>> = {
  imap: "IMAP",
  pop3: "POP3",
  submission: "submission",
};

/** A program under measurement, warmed up. */
interface Served {
  bench: Bench;
  target: Target;
  proxy: Running;
}

/** What a step cost, and how many units of its row it did. */
interface Cost {
  cpu: number;
  units: number;
}

/** By row key. */
type Steps = Record<string, () => Promise<Cost>>;

/** Each step is made in so many slices. */
const SLICES = 4;

/**
 * Starts all, then runs the steps in turns, a slice of each at a time: whatever
 * else the machine does meanwhile falls on all of them alike.
 */
async function inTurns(
  benches: Bench[],
  plan: (served: Served) => Steps,
): Promise<Figures> {
  const [bench, ...rest] = benches;
  if (bench === undefined) return {};
  return await serveAll(bench, rest, [], async (all) => {
    const steps = all.flatMap((served) => Object.entries(plan(served)));
    const sums = new Map<string, Cost>();
    for (let slice = 0; slice < SLICES; slice++) {
      for (const [key, step] of steps) {
        const { cpu, units } = await step();
        const sum = sums.get(key) ?? { cpu: 0, units: 0 };
        sums.set(key, { cpu: sum.cpu + cpu, units: sum.units + units });
      }
    }
    return Object.fromEntries(
      [...sums].map(([key, { cpu, units }]) => [key, cpu / units]),
    );
  });
}

/** One inside the other, so that each is stopped whatever happens. */
function serveAll(
  bench: Bench,
  rest: Bench[],
  before: Served[],
  work: (all: Served[]) => Promise<Figures>,
): Promise<Figures> {
  return bench.serve(async (target, proxy) => {
    await warmUp(target, proxy);
    const all = [...before, { bench, target, proxy }];
    const [next, ...others] = rest;
    return next ? await serveAll(next, others, all, work) : await work(all);
  });
}

/** CPU ms of a login. */
async function logins({ bench, target, proxy }: Served): Promise<Cost> {
  const count = Math.ceil(bench.sizes.logins / SLICES);
  const done = await timed(
    { target, task: "logins", count, parallel: 64 },
    proxy,
  );
  if (Number(done["failed"]) > 0) {
    throw new Error(`${done["failed"]} logins failed: ${done["error"]}`);
  }
  return { cpu: done.cpu, units: count / 1000 };
}

/** CPU seconds for 1 GiB of large messages, in one session. */
async function messages(
  { bench, target, proxy }: Served,
  direction: Direction,
): Promise<Cost> {
  const done = await timed({
    target,
    task: "bulk",
    direction,
    sessions: 1,
    bytes: bench.sizes.bulkBytes / SLICES,
    message: MESSAGE_BYTES,
  }, proxy);
  return { cpu: done.cpu, units: Number(done["bytes"]) / GIB };
}

/** Keys such as `pop3Login`, `imapDown` and `submissionUp`, which the verdicts read. */
export const protocols: Group = {
  name: "protocols",
  once: false,
  subjects: ["mailferry-implicit", "mailferry-starttls"],
  rows: [
    ...PROTOCOLS.map((protocol) =>
      row(`${protocol}Login`, `CPU ms of a login, ${TITLES[protocol]}`, 2)
    ),
    row("imapDown", "CPU s for 1 GiB of messages down, IMAP", 2),
    row("pop3Down", "CPU s for 1 GiB of messages down, POP3 RETR", 2),
    row("imapUp", "CPU s for 1 GiB of messages up, IMAP", 2),
    row("submissionUp", "CPU s for 1 GiB of messages up, submission", 2),
  ],
  measure: (bench) =>
    inTurns(
      PROTOCOLS.map((protocol) => bench.with({ protocol })),
      (served) => {
        const { protocol } = served.target;
        const steps: Steps = { [`${protocol}Login`]: () => logins(served) };
        for (const direction of directions(served.target)) {
          const suffix = direction === "down" ? "Down" : "Up";
          steps[`${protocol}${suffix}`] = () => messages(served, direction);
        }
        return steps;
      },
    ),
};

export const proxy: Group = {
  name: "proxy",
  once: false,
  subjects: ["mailferry-implicit"],
  rows: [
    row(
      "proxyWithout",
      "CPU s for 1 GiB, IMAP, mean of both, no PROXY header",
      2,
    ),
    row(
      "proxyWith",
      "CPU s for 1 GiB, IMAP, mean of both, PROXY header before TLS",
      2,
    ),
    row("proxyLoginWithout", "CPU ms of a login, IMAP, no PROXY header", 2),
    row("proxyLoginWith", "CPU ms of a login, IMAP, PROXY header first", 2),
  ],
  measure: async (bench) => {
    const figures = await inTurns(
      [false, true].map((proxyHeader) => bench.with({ proxyHeader })),
      (served) => {
        const suffix = served.target.proxyHeader ? "With" : "Without";
        return {
          [`proxyDown${suffix}`]: () => messages(served, "down"),
          [`proxyUp${suffix}`]: () => messages(served, "up"),
          [`proxyLogin${suffix}`]: () => logins(served),
        };
      },
    );
    const mean = (suffix: string) =>
      ((figures[`proxyDown${suffix}`] ?? NaN) +
        (figures[`proxyUp${suffix}`] ?? NaN)) / 2;
    return {
      ...figures,
      proxyWithout: mean("Without"),
      proxyWith: mean("With"),
    };
  },
};

/** In the column of nginx stands its mail module here. */
export const mail: Group = {
  name: "mail",
  once: false,
  subjects: ["mailferry-implicit", "nginx"],
  rows: PROTOCOLS.map((protocol) =>
    row(
      `${protocol}Plain`,
      `CPU ms of a login without TLS, ${TITLES[protocol]} (nginx mail)`,
      2,
    )
  ),
  measure: (bench) =>
    inTurns(
      PROTOCOLS.map((protocol) => bench.with({ protocol, plain: true })),
      (served) => ({
        [`${served.target.protocol}Plain`]: () => logins(served),
      }),
    ),
};
