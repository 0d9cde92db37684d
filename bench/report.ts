/** Medians, ratios and verdicts, as text and as Markdown. */
import type { Figures, Group, Sizes } from "./bench.ts";
import type { Subject, SubjectName } from "./subjects.ts";

/** Every round's figures, by subject. */
export type Results = Map<SubjectName, Figures[]>;

interface Verdict {
  title: string;
  value: number | undefined;
  limit: number;
  /** Smaller than the limit, or at most the limit. */
  strict?: boolean;
}

/** Undefined when no round has the figure. */
function median(
  results: Results,
  subject: SubjectName,
  key: string,
): number | undefined {
  const values = (results.get(subject) ?? [])
    .map((figures) => figures[key])
    .filter((value) => value !== undefined)
    .filter((value) => !Number.isNaN(value))
    .toSorted((a, b) => a - b);
  const half = values.length >> 1;
  if (values.length % 2 === 1) return values[half];
  const [low, high] = [values[half - 1], values[half]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** One figure to another; undefined where one of them is missing. */
function ratio(
  results: Results,
  [own, ownKey]: [SubjectName, string],
  [other, otherKey]: [SubjectName, string],
): number | undefined {
  const value = median(results, own, ownKey);
  const base = median(results, other, otherKey);
  return value === undefined || base === undefined ? undefined : value / base;
}

/** What the product has to reach. */
function verdicts(results: Results, sizes: Sizes, soak: boolean): Verdict[] {
  const of = (subject: SubjectName, key: string) =>
    median(results, subject, key);
  const against = (subject: SubjectName, rival: SubjectName, key: string) =>
    ratio(results, [subject, key], [rival, key]);
  const list: Verdict[] = [];
  const shapes = [["bulk1", "one session", 0.85], [
    "bulk50",
    "fifty sessions",
    0.9,
  ]] as const;
  for (const [key, title, limit] of shapes) {
    list.push({
      title: `bulk, ${title}: CPU to nginx`,
      value: against("mailferry-implicit", "nginx", key),
      limit,
    }, {
      title: `bulk, ${title}: CPU to HAProxy`,
      value: against("mailferry-implicit", "haproxy", key),
      limit: 0.7,
    }, {
      title: `bulk, ${title}, STARTTLS: CPU to nginx`,
      value: against("mailferry-starttls", "nginx", key),
      limit: 1.1,
    });
  }
  list.push({
    title: "login: CPU to nginx",
    value: against("mailferry-implicit", "nginx", "loginCpu"),
    limit: 0.95,
  }, {
    title: "idle session, KB",
    value: of("mailferry-implicit", "idleMany"),
    limit: 55,
  }, {
    title: "idle session, STARTTLS, KB",
    value: of("mailferry-starttls", "idleMany"),
    limit: 115,
  });
  const kinds = [["mailferry-implicit", ""], [
    "mailferry-starttls",
    ", STARTTLS",
  ]];
  for (const [name, suffix] of kinds as [SubjectName, string][]) {
    list.push({
      title: `logins failed of ${sizes.logins}${suffix}`,
      value: worst(results, name, "loginFailed"),
      limit: 0,
    }, {
      title: `one client stops reading${suffix}: growth MiB`,
      value: of(name, "stalledOne"),
      limit: 1,
      strict: true,
    }, {
      title: `200 clients stop reading${suffix}: growth MiB`,
      value: of(name, "stalledMany"),
      limit: 100,
      strict: true,
    }, {
      title: `${sizes.wrongNames} wrong-SNI handshakes${suffix}: growth MiB`,
      value: of(name, "wrongNames"),
      limit: 20,
    }, {
      title: `${sizes.halfway} half-way closes${suffix}: growth MiB`,
      value: of(name, "halfway"),
      limit: 20,
    }, {
      title: `random-name handshakes not completed${suffix}`,
      value: missing(sizes.randomNames, of(name, "randomDone")),
      limit: 0,
    }, {
      // A name costs about 1.5 KB where it is kept for good: 30 MiB for the
      // short run, 300 MiB for the soak.
      title: `${sizes.randomNames} random names${suffix}: growth MiB`,
      value: of(name, "randomNames"),
      limit: soak ? 60 : 20,
    });
  }
  return [
    ...list,
    ...protocolVerdicts(results),
    ...storeVerdicts(results),
    ...httpVerdicts(results),
  ];
}

/** What logins have to reach with mappings in Redis on the same host. */
function storeVerdicts(results: Results): Verdict[] {
  const own = "mailferry-implicit";
  return [{
    title: "login whose lookup asks Redis: ms over a cached one",
    value: median(results, own, "missAdded"),
    limit: 1,
  }, {
    title: "cached login while Redis hangs: p99 to that before",
    value: median(results, own, "hangRatio"),
    limit: 1.1,
  }, {
    title: "logins of new accounts failed while Redis hangs",
    value: worst(results, own, "hangFailed"),
    limit: 0,
  }];
}

/** What the protocols have to reach beside IMAP, and beside nginx's mail module. */
function protocolVerdicts(results: Results): Verdict[] {
  const list: Verdict[] = [];
  const pairs = [
    ["POP3 login", "pop3Login", "imapLogin"],
    ["submission login", "submissionLogin", "imapLogin"],
    ["50 MB by POP3 RETR", "pop3Down", "imapDown"],
    ["50 MB by submission", "submissionUp", "imapUp"],
  ] as const;
  for (const name of ["mailferry-implicit", "mailferry-starttls"] as const) {
    const suffix = name === "mailferry-starttls" ? ", STARTTLS" : "";
    for (const [title, key, base] of pairs) {
      list.push({
        title: `${title}${suffix}: CPU to IMAP`,
        value: ratio(results, [name, key], [name, base]),
        limit: 1.1,
      });
    }
  }
  const own = "mailferry-implicit";
  list.push({
    title: "bulk behind a PROXY header: CPU to that without",
    value: ratio(results, [own, "proxyWith"], [own, "proxyWithout"]),
    limit: 1.3,
  });
  for (
    const [title, key] of [
      ["IMAP", "imapPlain"],
      ["POP3", "pop3Plain"],
      ["submission", "submissionPlain"],
    ] as const
  ) {
    list.push({
      title: `${title} login without TLS: CPU to nginx mail`,
      value: ratio(results, [own, key], ["nginx", key]),
      limit: 1,
    });
  }
  return list;
}

/** What HTTP has to reach beside programs that are HTTP proxies by trade. */
function httpVerdicts(results: Results): Verdict[] {
  const own = "mailferry-implicit";
  const against = (rival: SubjectName, key: string) =>
    ratio(results, [own, key], [rival, key]);
  return [{
    title: "JMAP call, one connection: CPU to HAProxy",
    value: against("haproxy", "httpCpu1"),
    limit: 2,
  }, {
    title: "JMAP call, 32 connections: CPU to HAProxy",
    value: against("haproxy", "httpCpu32"),
    limit: 2,
  }, {
    title: "download, Content-Length: CPU to nginx",
    value: against("nginx", "httpDown"),
    limit: 1,
  }, {
    title: "download, chunked: CPU to nginx",
    value: against("nginx", "httpDownChunked"),
    limit: 1,
  }, {
    title: "idle WebSocket, KB",
    value: median(results, own, "websocket"),
    limit: 60,
  }];
}

function missing(wanted: number, done: number | undefined) {
  return done === undefined ? undefined : wanted - done;
}

function worst(results: Results, subject: SubjectName, key: string) {
  const values = (results.get(subject) ?? [])
    .map((figures) => figures[key])
    .filter((value) => value !== undefined);
  return values.length === 0 ? undefined : Math.max(...values);
}

function show(value: number | undefined, digits: number): string {
  return value === undefined ? "-" : value.toFixed(digits);
}

/** The table of medians, then the verdicts, each a list of cells. */
export function tables(
  results: Results,
  subjects: readonly Subject[],
  groups: readonly Group[],
  sizes: Sizes,
  soak: boolean,
): { figures: string[][]; verdicts: string[][] } {
  const rivals = (["nginx", "haproxy"] as const)
    .filter((name) => results.has(name));
  const withRatios = results.has("mailferry-implicit");
  const head = ["", ...subjects.map((subject) => subject.title)];
  if (withRatios) head.push(...rivals.map((name) => `mailferry/${name}`));
  const figures = [head];
  for (const { key, title, digits, ratio } of groups.flatMap((g) => g.rows)) {
    const cells = subjects.map((subject) =>
      show(median(results, subject.name, key), digits)
    );
    if (withRatios) {
      const own = median(results, "mailferry-implicit", key);
      for (const name of rivals) {
        const other = median(results, name, key);
        cells.push(
          ratio && own !== undefined && other !== undefined && other > 0
            ? show(own / other, 2)
            : "",
        );
      }
    }
    figures.push([sized(key, title, sizes), ...cells]);
  }
  const judged = [["to reach", "limit", "measured", ""]];
  for (
    const { title, value, limit, strict } of verdicts(results, sizes, soak)
  ) {
    if (value === undefined) continue;
    const passed = strict ? value < limit : value <= limit;
    judged.push([
      title,
      `${strict ? "<" : "≤"} ${limit}`,
      show(value, Number.isInteger(value) ? 0 : 2),
      passed ? "pass" : "MISS",
    ]);
  }
  return { figures, verdicts: judged };
}

/** Titles name the full sizes; a quick run says its own. */
function sized(key: string, title: string, sizes: Sizes): string {
  if (key === "idleFew") return title.replace("1,000", `${sizes.idle[0]}`);
  if (key === "idleMany") return title.replace("5,000", `${sizes.idle[1]}`);
  if (key === "websocket") return title.replace("2,000", `${sizes.websockets}`);
  if (key === "wrongNames") return `${title} (${sizes.wrongNames})`;
  if (key === "halfway") return `${title} (${sizes.halfway})`;
  if (key === "randomNames") return `${title} (${sizes.randomNames})`;
  return title;
}

/** Columns padded for a terminal, the first one to the left. */
export function plain(table: string[][]): string {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0))
  );
  return table.map((cells) =>
    cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ").trimEnd()
  ).join("\n");
}

export function markdown(table: string[][]): string {
  const [head = [], ...rest] = table;
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => column === 0 ? "---" : "---:");
  return [line(head), line(rule), ...rest.map(line)].join("\n");
}
