/** One broken rule; the message names what to do instead. */
export interface Violation {
  line: number;
  message: string;
}

/** The shared vocabulary: every folder may import these; `net` takes only types from them. */
const SHARED = ["port", "config", "observe"];

/**
 * What each folder of src may import besides itself and SHARED; "*" for everything. A new folder gets a row.
 * Control plane and data plane never import each other: they meet in `port`.
 */
const MAY_IMPORT: Record<string, string[] | "*"> = {
  port: [],
  config: ["net"],
  observe: [],
  net: [],
  pki: ["net"],
  sasl: [],
  protocols: ["net", "sasl"],
  route: ["sasl"],
  store: ["net"],
  cluster: ["store", "net"],
  worker: ["protocols", "route", "net", "sasl"],
  control: [
    "admin",
    "runtime",
    "cluster",
    "store",
    "route",
    "net",
    "protocols",
    "pki",
  ],
  admin: ["control", "store", "route", "net", "pki"],
  runtime: ["control", "net"],
  cli: "*",
  demo: "*",
};

const ALTERNATIVES: Record<string, string> = {
  "control>worker": "send a message of src/port/messages.ts to the worker",
  "worker>control":
    "send a message of src/port/messages.ts to the control plane",
  "worker>admin": "send a message of src/port/messages.ts to the control plane",
  "worker>store":
    "ask the control plane through src/port; its answer is cached by src/route",
  "route>store": "take a lookup function as a parameter",
  "route>net": "take what you need as a parameter; routing is free of sockets",
  "net>protocols":
    "src/net knows nothing of mail: move the mail part into src/protocols",
};

interface Ban {
  /** Matched line by line; its first group names what was used. */
  pattern: RegExp;
  allowed: string[];
  instead: string;
}

const BANS: Ban[] = [
  {
    pattern: /\b(Deno\.(?:connect|connectTls|startTls))\b/,
    allowed: ["net"],
    instead:
      "dial through src/net, which sets deadlines, TLS and the source address",
  },
  {
    // The address checks of node:net open no socket.
    pattern:
      /^(?!import \{(?: (?:isIP|isIPv4|isIPv6|BlockList),?)+ \}).*\bfrom "(node:(?:net|tls))"/,
    allowed: ["net"],
    instead:
      "use sockets through src/net; isIP, isIPv4, isIPv6 and BlockList are free",
  },
  {
    pattern: /\b(Deno\.(?:listen|listenTls))\b/,
    allowed: ["net", "admin", "demo"],
    instead:
      "listen through src/net, which hides how TLS and reusePort are done",
  },
  {
    pattern: /\b(console\.\w+)/,
    allowed: ["cli", "demo"],
    instead:
      "log through src/observe, which redacts and adds the session's fields",
  },
];

const IMPORT =
  /(import type \{[^}]*\} )?(?:\bfrom\s*|\bimport\s*\(?\s*)"(\.[^"]*)"/g;

/** The folder of src that a project path lies in; "" for a file directly in src, undefined outside. */
function folderOf(path: string): string | undefined {
  const parts = path.split("/");
  // The manifest has the version, which is written nowhere else.
  if (path === "deno.json") return "";
  if (parts[0] !== "src") return undefined;
  return parts.length > 2 ? parts[1]! : "";
}

/** Blanks comments, keeping the lines: prose may speak of what code may not use. */
function withoutComments(source: string): string {
  return source.replace(
    /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (text) => text.startsWith("/") ? text.replace(/[^\n]/g, " ") : text,
  );
}

function importProblem(
  from: string,
  to: string | undefined,
  typeOnly: boolean,
): string | undefined {
  if (to === undefined) {
    return "src must not import from outside src: move the file into src";
  }
  const allowed = MAY_IMPORT[from];
  if (allowed === undefined) {
    return `src/${from} has no row in tools/boundary_rules.ts: add one that says what it may import`;
  }
  if (from === to || allowed === "*" || allowed.includes(to)) return undefined;
  if (SHARED.includes(to) && (from !== "net" || typeOnly)) return undefined;
  const list = [from, ...SHARED, ...allowed].map((name) => `src/${name}`);
  const instead = ALTERNATIVES[`${from}>${to}`] ??
    `src/${from} may import ${list.join(", ")}` +
      (from === "net" ? " (of the latter three only types)" : "");
  return `src/${from} must not import src/${to}: ${instead}`;
}

/** Checks one file of src. `path` is relative to the project, with forward slashes. */
export function findViolations(path: string, source: string): Violation[] {
  const from = folderOf(path) ?? "";
  const code = withoutComments(source);
  const violations: Violation[] = [];
  const lineAt = (index: number) => code.slice(0, index).split("\n").length;
  for (const match of code.matchAll(IMPORT)) {
    const target = new URL(match[2]!, `file:///${path}`).pathname.slice(1);
    const message = importProblem(
      from,
      folderOf(target),
      match[1] !== undefined,
    );
    if (message !== undefined) {
      violations.push({ line: lineAt(match.index), message });
    }
  }
  for (const [index, line] of code.split("\n").entries()) {
    for (const { pattern, allowed, instead } of BANS) {
      const found = pattern.exec(line);
      if (found === null || allowed.includes(from)) continue;
      violations.push({
        line: index + 1,
        message: `${found[1]} is not for src/${from}: ${instead}`,
      });
    }
  }
  return violations.sort((a, b) => a.line - b.line);
}
