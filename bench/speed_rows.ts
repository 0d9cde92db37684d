/** CPU time and latency. */
import {
  type Figures,
  GIB,
  type Group,
  MIB,
  row,
  timed,
  warmUp,
} from "./bench.ts";

export const startup: Group = {
  name: "startup",
  once: false,
  rows: [row("startup", "start-up: exec to the first greeting, ms", 0)],
  measure: (bench) =>
    bench.serve((_target, _proxy, startMs) =>
      Promise.resolve({ startup: startMs })
    ),
};

export const bulk: Group = {
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

export const logins: Group = {
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

export const roundtrips: Group = {
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
          port: bench.scene.backend.tls.imap,
          name: "backend.bench.test",
        },
      }, proxy);
      const added = (key: string) => Number(through[key]) - Number(direct[key]);
      return { addedP50: added("p50"), addedP99: added("p99") };
    }),
};
