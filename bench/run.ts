/**
 * `make bench`: mailferry, nginx and HAProxy on the same work, one after the
 * other. See `--help` for the options.
 */
import { parseArgs } from "node:util";
import { makeCertificates } from "./certificates.ts";
import { ANSWER, startHttpBackend } from "./http_backend.ts";
import { downloads, http, websockets } from "./http_rows.ts";
import { Conversation, pause, stopAll } from "./process.ts";
import { markdown, plain, type Results, tables } from "./report.ts";
import {
  Bench,
  FULL,
  type Group,
  MESSAGE_BYTES,
  QUICK,
  type Sizes,
} from "./bench.ts";
import { abuse, idle, stalled } from "./memory_rows.ts";
import { mail, protocols, proxy } from "./protocol_rows.ts";
import { stores } from "./store_rows.ts";
import { bulk, logins, roundtrips, startup } from "./speed_rows.ts";
import {
  freePort,
  type OwnPorts,
  type Scene,
  type Subject,
  SUBJECTS,
} from "./subjects.ts";
import { CALL } from "./wrk.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const PAGE = `${ROOT}docs/performance.md`;
const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

const GROUPS: readonly Group[] = [
  startup,
  bulk,
  logins,
  roundtrips,
  protocols,
  proxy,
  mail,
  stores,
  http,
  downloads,
  websockets,
  idle,
  stalled,
  abuse,
];

const HELP = `bench/run.ts [options]
  --quick            smaller sizes, one round: for development
  --only a,b         of: mailferry (or mailferry-implicit, mailferry-starttls), nginx, haproxy
  --rows a,b         of: ${GROUPS.map((group) => group.name).join(", ")}
  --rounds n         rounds of the speed rows (default 3)
  --threads n        threads or worker processes of each program (default 1)
  --soak             200,000 random names instead of 20,000
  --binary path      another build of mailferry than dist/mailferry
  --markdown         write the tables to docs/performance.md
`;

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rows: { type: "string" },
    rounds: { type: "string" },
    threads: { type: "string", default: "1" },
    soak: { type: "boolean", default: false },
    binary: { type: "string", default: `${ROOT}dist/mailferry` },
    markdown: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** The chosen among the known; ends the program on an unknown name. */
function choose<T extends { name: string }>(
  known: readonly T[],
  list: string | undefined,
): T[] {
  const wanted = list?.split(",");
  const names = known.map((each) => each.name);
  const unknown = wanted?.filter((name) => !names.includes(name)) ?? [];
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(", ")}; known: ${names.join(", ")}`);
    Deno.exit(2);
  }
  return known.filter((each) => wanted?.includes(each.name) ?? true);
}

/** The first line that a command prints, on either stream. */
async function firstLine(command: string, ...args: string[]): Promise<string> {
  try {
    const output = await new Deno.Command(command, { args }).output();
    const text = new TextDecoder();
    return (text.decode(output.stdout) + text.decode(output.stderr))
      .split("\n")[0]?.trim() ?? "";
  } catch {
    return "";
  }
}

async function circumstances(scene: Scene, sizes: Sizes, rounds: number) {
  const cpu = /^model name\s*:\s*(.+)$/m.exec(
    await Deno.readTextFile("/proc/cpuinfo"),
  )?.[1] ?? Deno.build.arch;
  return [
    `Machine: ${cpu}, ${navigator.hardwareConcurrency} cores, Linux ${Deno.osRelease()}.`,
    `Programs: ${await firstLine(scene.mailferry, "version")}; ` +
    `${await firstLine("nginx", "-v")}; ${await firstLine("haproxy", "-v")}.`,
    `Threads or workers of each: ${scene.threads}. Rounds: ${rounds} (medians; ` +
    "the stalled and abuse rows once). Every group of rows starts the program " +
    "afresh; all but start-up, idle and stalled warm it up first with 300 " +
    "logins and 64 MiB.",
    `Sizes: ${sizes.bulkBytes / (1 << 20)} MiB for each bulk row, scaled to ` +
    `1 GiB; ${sizes.logins} logins.`,
    "All: TLS on both sides over loopback, TLS 1.3, ECDSA P-256 certificates, " +
    "the backend's certificate verified, no PROXY header, since nginx and " +
    "HAProxy pass bytes only. mailferry reads the login, looks up its route " +
    "and replays it.",
    `Message rows: transfers of ${
      MESSAGE_BYTES / 1e6
    } MB, one behind the other ` +
    "in one session. PROXY rows: clients begin with a PROXY v2 header, before " +
    "TLS. Rows without TLS: none on either side, and nginx with its mail " +
    "module instead of stream, which asks a server by HTTP about each login; " +
    "the CPU of that server does not count. In these rows programs that are " +
    "compared with themselves run side by side and are measured in turns, in " +
    "four slices.",
    "Rows with Redis: a redis-server on the same host has the mappings. Logins " +
    "one at a time, of an account that is cached and of one that is new in " +
    "turns; then of cached accounts alone, in windows of 15 s, in every other " +
    "one of which the server is stopped (SIGSTOP), while 50 new accounts a " +
    "second log in all the time.",
    `HTTP rows: nginx with proxy_pass, HTTP/1.1 and connections to the backend ` +
    "that are kept, proxy_buffering as shipped unless a row says off; HAProxy " +
    "in mode http. The backend is another nginx, for WebSockets a small server " +
    `of ours. wrk makes the calls for ${sizes.callSeconds} s in each row, POST with ` +
    `Authorization: Basic and a body of ${CALL.length} bytes, answered with ` +
    `${ANSWER.length}; no program ends a connection for the number of its ` +
    "requests.",
    "Session resumption towards the backend: nginx (proxy_ssl_session_reuse) " +
    "and HAProxy resume by default, and are left so; mailferry makes a full " +
    "handshake each time. Clients never resume.",
    "Certificates: one for each program; mailferry has two in the abuse rows, " +
    "so that it picks by the client's name.",
    "Logs: none for nginx and HAProxy; mailferry writes its default level to " +
    "a file.",
    "CPU: user and system time of the process and its children. Memory: Rss " +
    "of smaps_rollup, summed over the same processes.",
  ];
}

async function writePage(body: string): Promise<void> {
  const block = `${BEGIN}\n${body}\n${END}`;
  let page = "";
  try {
    page = await Deno.readTextFile(PAGE);
  } catch {
    page = `# Performance\n\n${BEGIN}${END}\n`;
  }
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  page = from < 0 || to < from
    ? `${page}\n${block}\n`
    : page.slice(0, from) + block + page.slice(to + END.length);
  await Deno.mkdir(`${ROOT}docs`, { recursive: true });
  await Deno.writeTextFile(PAGE, page);
}

/** `mailferry` alone means both of its listeners. */
function subjects(): typeof SUBJECTS[number][] {
  const list = options.only?.replace(
    /(^|,)mailferry(?=,|$)/,
    "$1mailferry-implicit,mailferry-starttls",
  );
  return choose(SUBJECTS, list);
}

/** Whether there is something to measure. */
function concerns(group: Group, { name }: Subject): boolean {
  return group.subjects?.includes(name) ?? true;
}

async function main(): Promise<void> {
  if (options.help) return console.log(HELP);
  const chosen = subjects();
  const groups = choose(GROUPS, options.rows)
    .filter((group) => chosen.some((subject) => concerns(group, subject)));
  const sizes = { ...(options.quick ? QUICK : FULL) };
  if (options.soak) sizes.randomNames = 200_000;
  const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
  const folder = await Deno.makeTempDir({ prefix: "mailferry-bench-" });

  const clean = async () => {
    await stopAll();
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  };
  const interrupted = () => void clean().then(() => Deno.exit(130));
  Deno.addSignalListener("SIGINT", interrupted);
  Deno.addSignalListener("SIGTERM", interrupted);

  try {
    const certificates = await makeCertificates(folder);
    const backend = new Conversation("backend.ts", [
      certificates.backendCert,
      certificates.backendKey,
    ]);
    const { ports } = await backend.next<
      { event: string; ports: OwnPorts }
    >();
    const { websocket, tls, ...others } = ports;
    const nginx = freePort();
    await startHttpBackend(folder, certificates, sizes, nginx);
    const http = { http: nginx, chunked: nginx, websocket };
    const scene: Scene = {
      folder,
      certificates,
      backend: { ...others, tls: { ...tls, ...http } },
      protocol: "imap",
      threads: Number(options.threads),
      mailferry: await Deno.realPath(options.binary).catch(() =>
        options.binary
      ),
    };
    const ca = await Deno.readTextFile(certificates.ca);
    const results: Results = new Map(chosen.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const group of groups) {
        if (group.once && round > 1) continue;
        for (const subject of chosen) {
          if (!concerns(group, subject)) continue;
          console.error(`round ${round}: ${group.name}, ${subject.title}`);
          try {
            const bench = new Bench(subject, scene, sizes, ca);
            results.get(subject.name)?.push(await group.measure(bench));
          } catch (error) {
            console.error(`FAILED ${error}`);
            Deno.exitCode = 1;
          }
          await pause(200);
        }
      }
    }
    const notes = await circumstances(scene, sizes, rounds);
    const soak = options.soak;
    const out = tables(results, chosen, groups, sizes, soak);
    const judged = out.verdicts.length > 1;
    console.log(`${notes.join("\n")}\n\n${plain(out.figures)}\n`);
    if (judged) console.log(plain(out.verdicts));
    if (options.markdown) {
      await writePage([
        ...notes.map((note) => `- ${note}`),
        "",
        markdown(out.figures),
        ...(judged ? ["", markdown(out.verdicts)] : []),
      ].join("\n"));
    }
  } finally {
    await clean();
  }
}

await main();
// Reading children's streams may be pending still.
Deno.exit();
