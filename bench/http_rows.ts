/** HTTP: small JMAP calls, downloads, idle WebSockets. */
import {
  type Bench,
  type Figures,
  GIB,
  type Group,
  MIB,
  row,
  timed,
  warmUp,
} from "./bench.ts";
import type { HttpProtocol } from "./dialogues.ts";
import { idleKb } from "./memory_rows.ts";
import { cpuSeconds, pause, type Running } from "./process.ts";
import { callByWrk } from "./wrk.ts";

/** STARTTLS there is none, and nginx and HAProxy speak HTTP themselves in these rows. */
const SUBJECTS = ["mailferry-implicit", "nginx", "haproxy"] as const;

/** Few and many connections of clients. */
const LANES = [1, 32] as const;

async function calls(
  bench: Bench,
  { port }: { port: number },
  proxy: Running,
  connections: number,
  seconds: number,
) {
  const { folder } = bench.scene;
  const before = await cpuSeconds(proxy.pid);
  const done = await callByWrk({ port, connections, seconds, folder });
  await pause(100);
  return { ...done, cpu: await cpuSeconds(proxy.pid) - before };
}

export const http: Group = {
  name: "http",
  once: false,
  subjects: SUBJECTS,
  rows: LANES.flatMap((lanes) => {
    const title = lanes === 1 ? "one connection" : `${lanes} connections`;
    return [
      row(`httpCpu${lanes}`, `CPU µs of a small JMAP call, ${title}`, 1),
      row(`httpRate${lanes}`, `JMAP calls a second, ${title}`, 0),
      row(`httpP50${lanes}`, `JMAP call latency µs, ${title}, p50`, 0),
      row(`httpP99${lanes}`, `JMAP call latency µs, ${title}, p99`, 0),
    ];
  }),
  measure: (mail) => {
    const bench = mail.with({ protocol: "http" });
    return bench.serve(async (target, proxy) => {
      const { callSeconds } = bench.sizes;
      await calls(bench, target, proxy, 8, callSeconds / 2);
      const figures: Figures = {};
      for (const lanes of LANES) {
        const done = await calls(bench, target, proxy, lanes, callSeconds);
        figures[`httpCpu${lanes}`] = done.cpu * 1e6 / done.requests;
        figures[`httpRate${lanes}`] = done.perSecond;
        figures[`httpP50${lanes}`] = done.p50;
        figures[`httpP99${lanes}`] = done.p99;
      }
      return figures;
    });
  },
};

/** CPU seconds for 1 GiB, one download, and its speed. */
function download(bench: Bench, protocol: HttpProtocol, unbuffered = false) {
  return bench.with({ protocol, unbuffered }).serve(async (target, proxy) => {
    await warmUp(target, proxy);
    const bytes = bench.sizes.bulkBytes;
    const done = await timed({
      target,
      task: "bulk",
      direction: "down",
      sessions: 1,
      bytes,
    }, proxy);
    return {
      cpu: done.cpu * GIB / bytes,
      rate: bytes / MIB / (Number(done["ms"]) / 1000),
    };
  });
}

export const downloads: Group = {
  name: "downloads",
  once: false,
  subjects: SUBJECTS,
  rows: [
    row("httpDown", "CPU s for a download of 1 GiB, Content-Length", 2),
    row("httpDownChunked", "CPU s for a download of 1 GiB, chunked", 2),
    row("httpDownRate", "MiB/s of the download, Content-Length", 0),
    row(
      "httpDownOff",
      "CPU s for a download of 1 GiB, proxy_buffering off",
      2,
      false,
    ),
    row(
      "httpDownChunkedOff",
      "CPU s for a download of 1 GiB, chunked, proxy_buffering off",
      2,
      false,
    ),
  ],
  measure: async (bench) => {
    const known = await download(bench, "http");
    const chunked = await download(bench, "chunked");
    const figures: Figures = {
      httpDown: known["cpu"] ?? NaN,
      httpDownRate: known["rate"] ?? NaN,
      httpDownChunked: chunked["cpu"] ?? NaN,
    };
    if (bench.subject.name !== "nginx") return figures;
    const knownOff = await download(bench, "http", true);
    const chunkedOff = await download(bench, "chunked", true);
    return {
      ...figures,
      httpDownOff: knownOff["cpu"] ?? NaN,
      httpDownChunkedOff: chunkedOff["cpu"] ?? NaN,
    };
  },
};

export const websockets: Group = {
  name: "websockets",
  once: false,
  subjects: SUBJECTS,
  rows: [row("websocket", "KB of an idle WebSocket, 2,000 of them", 0)],
  measure: async (bench) => {
    const { held } = await idleKb(
      bench.with({ protocol: "websocket" }),
      [bench.sizes.websockets],
    );
    return { websocket: held[0] ?? NaN };
  },
};
