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
import { type Direction, type Protocol, PROTOCOLS } from "./dialogues.ts";
import type { Running } from "./process.ts";

const TITLES: Readonly<Record<Protocol, string>> = {
  imap: "IMAP",
  pop3: "POP3",
  submission: "submission",
};

/** CPU ms of a login. */
async function loginCpu(
  bench: Bench,
  target: Target,
  proxy: Running,
): Promise<number> {
  const count = bench.sizes.logins;
  const done = await timed(
    { target, task: "logins", count, parallel: 64 },
    proxy,
  );
  if (Number(done["failed"]) > 0) {
    throw new Error(`${done["failed"]} logins failed: ${done["error"]}`);
  }
  return done.cpu * 1000 / count;
}

/** CPU seconds for 1 GiB of large messages, in one session. */
async function messageCpu(
  bench: Bench,
  target: Target,
  proxy: Running,
  direction: Direction,
): Promise<number> {
  const done = await timed({
    target,
    task: "bulk",
    direction,
    sessions: 1,
    bytes: bench.sizes.bulkBytes,
    message: MESSAGE_BYTES,
  }, proxy);
  return done.cpu * GIB / Number(done["bytes"]);
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
  measure: async (bench) => {
    const figures: Figures = {};
    for (const protocol of PROTOCOLS) {
      const one = await bench.with({ protocol }).serve(
        async (target, proxy) => {
          await warmUp(target, proxy);
          const own: Figures = {
            [`${protocol}Login`]: await loginCpu(bench, target, proxy),
          };
          for (const direction of directions(target)) {
            const suffix = direction === "down" ? "Down" : "Up";
            own[`${protocol}${suffix}`] = await messageCpu(
              bench,
              target,
              proxy,
              direction,
            );
          }
          return own;
        },
      );
      Object.assign(figures, one);
    }
    return figures;
  },
};

export const proxy: Group = {
  name: "proxy",
  once: false,
  subjects: ["mailferry-implicit"],
  rows: [
    row("proxyWithout", "CPU s for 1 GiB, IMAP, no PROXY header", 2),
    row("proxyWith", "CPU s for 1 GiB, IMAP, PROXY header before TLS", 2),
    row("proxyLoginWithout", "CPU ms of a login, IMAP, no PROXY header", 2),
    row("proxyLoginWith", "CPU ms of a login, IMAP, PROXY header first", 2),
  ],
  measure: async (bench) => {
    const figures: Figures = {};
    for (const proxyHeader of [false, true]) {
      const suffix = proxyHeader ? "With" : "Without";
      const one = await bench.with({ proxyHeader }).serve(
        async (target, proxy) => {
          await warmUp(target, proxy);
          const down = await messageCpu(bench, target, proxy, "down");
          const up = await messageCpu(bench, target, proxy, "up");
          return {
            [`proxy${suffix}`]: (down + up) / 2,
            [`proxyLogin${suffix}`]: await loginCpu(bench, target, proxy),
          };
        },
      );
      Object.assign(figures, one);
    }
    return figures;
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
      `CPU ms of a login without TLS, ${TITLES[protocol]}`,
      2,
    )
  ),
  measure: async (bench) => {
    const figures: Figures = {};
    for (const protocol of PROTOCOLS) {
      const one = await bench.with({ protocol, plain: true }).serve(
        async (target, proxy) => {
          await warmUp(target, proxy);
          return { [`${protocol}Plain`]: await loginCpu(bench, target, proxy) };
        },
      );
      Object.assign(figures, one);
    }
    return figures;
  },
};
