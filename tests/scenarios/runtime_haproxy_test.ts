/** The same commands given to a real HAProxy and to the runtime socket: the shapes of the answers agree. */
import assert from "node:assert/strict";
import { COLUMNS } from "../../src/runtime/stat_columns.ts";
import { COMMANDS } from "../../src/runtime/table.ts";
import { needs } from "../support/requirements.ts";
import { socat } from "../support/socat.ts";
import { ALICE, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const LEVELS = ["user", "operator", "admin"] as const;
type Level = (typeof LEVELS)[number];

/** HAProxy and mailferry side by side, with a socket of each level. HAProxy has a map of its own. */
class Pair implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly haproxy: Deno.ChildProcess,
    readonly stage: Stage,
  ) {}

  static async create(): Promise<Pair> {
    const folder = await Deno.makeTempDir();
    const map = `${folder}/theirs.map`;
    await Deno.writeTextFile(map, `${ALICE} old\n`);
    const sockets = LEVELS.map((level) =>
      `  stats socket ${folder}/theirs-${level} mode 660 level ${level}\n`
    );
    const file = `${folder}/haproxy.cfg`;
    await Deno.writeTextFile(
      file,
      `global\n${
        sockets.join("")
      }defaults\n  mode tcp\n  timeout connect 5s\n` +
        "  timeout client 60s\n  timeout server 60s\n" +
        `frontend imaps\n  bind unix@${folder}/front\n  default_backend old\n` +
        `  acl known src,map_str(${map}) -m found\n` +
        "  tcp-request connection accept if known\n" +
        "backend old\n  server imap 127.0.0.1:9 check\n",
    );
    const haproxy = new Deno.Command("haproxy", {
      args: ["-db", "-f", file],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const stage = await Stage.create({
      config: {
        runtime: {
          socket: LEVELS.map((level) => ({
            path: `${folder}/ours-${level}`,
            level,
          })),
        },
      },
    });
    const pair = new Pair(folder, haproxy, stage);
    await until(
      "HAProxy's socket",
      () => Deno.lstat(`${folder}/theirs-admin`).then(() => true, () => false),
    );
    return pair;
  }

  theirs(input: string, level: Level = "admin"): Promise<string> {
    return socat(`unix-connect:${this.folder}/theirs-${level}`, input);
  }

  ours(input: string, level: Level = "admin"): Promise<string> {
    return socat(`unix-connect:${this.folder}/ours-${level}`, input);
  }

  /** Both answers; HAProxy's map is named as ours is. */
  async both(input: string, level: Level = "admin"): Promise<[string, string]> {
    const map = `${this.folder}/theirs.map`;
    const theirs = await this.theirs(
      input.replaceAll("mappings", map),
      level,
    );
    return [
      theirs.replaceAll(map, "mappings"),
      await this.ours(input, level),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.haproxy.kill("SIGTERM");
    await this.haproxy.status;
    await this.stage[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

const lines = (text: string) => text.trimEnd().split("\n");

needs(
  ["haproxy", "socat"],
  "the dialogue is HAProxy's, character by character",
  async () => {
    await using pair = await Pair.create();
    for (
      const input of [
        "prompt\nshow cli level\noperator\nshow cli level\nuser\nshow cli level\nquit\n",
        "show cli level;show cli level\n",
        "prompt;show cli level\nquit\n",
        "quit\n",
        "show cli level",
        "prompt\nadd map mappings <<\nbob old\ncarol new\n\nquit\n",
        "add map mappings <<\nbob old\n\n",
        "add map mappings <<\nbob\n\n",
        "add map mappings\n",
        "add map mappings\\ x dave old\n",
        "get map nowhere key\n",
        "set map nowhere key value\n",
        "set map mappings nobody old\n",
        "del map mappings nobody\n",
        "set map mappings bob old\n",
        "del map mappings bob\n",
        "set timeout cli 30\n",
        "show map nowhere\n",
        "clear counters\n",
        "clear counters all\n",
        "show sess 0x1\n",
        "shutdown session 0x1\n",
        "shutdown sessions server old/imap\n",
        "shutdown sessions server nowhere/imap\n",
        "shutdown sessions server old/nowhere\n",
        "show stat nowhere -1 -1\n",
        "set severity-output number;shutdown session 0x1\n",
        "set severity-output string;shutdown session 0x1\n",
      ]
    ) {
      const [theirs, ours] = await pair.both(input);
      assert.equal(ours, theirs, JSON.stringify(input));
    }
  },
);

needs(
  ["haproxy", "socat"],
  "what a level forbids is forbidden in the same words",
  async () => {
    await using pair = await Pair.create();
    for (
      const [level, command] of [
        ["user", "show sess"],
        ["user", "show env"],
        ["user", "show errors"],
        ["user", "operator"],
        ["user", "clear counters"],
        ["user", "shutdown session x"],
        ["operator", "clear counters all"],
      ] as const
    ) {
      const [theirs, ours] = await pair.both(`${command}\n`, level);
      assert.equal(theirs, "Permission denied\n\n", command);
      assert.equal(ours, theirs, command);
    }
  },
);

needs(
  ["haproxy", "socat"],
  "unknown commands and help have HAProxy's form",
  async () => {
    await using pair = await Pair.create();
    const form = /^ {2}(\S.{0,38}?) *: \S.*$|^ {2}(\S.{39,}): \S.*$/;
    for (
      const [input, head] of [
        ["help\n", "The following commands are valid at this level:"],
        [
          "show bogus\n",
          "Unknown command, but maybe one of the following ones is a better match:",
        ],
        [
          "\n",
          "Unknown command. Please enter one of the following commands only:",
        ],
      ] as const
    ) {
      for (const answer of await pair.both(input)) {
        const [first, ...rows] = lines(answer);
        assert.equal(first, head);
        assert.ok(rows.length > 3);
        for (const row of rows) assert.match(row, form);
        assert.ok(answer.endsWith("\n\n"));
      }
    }
  },
);

needs(
  ["haproxy", "socat"],
  "each command of HAProxy is here, or the reference page says why not",
  async () => {
    await using pair = await Pair.create();
    const [theirs] = await pair.both("help\n");
    const page = await Deno.readTextFile("docs/runtime-api.md");
    const absent = page.slice(page.indexOf("## What HAProxy has besides"));
    const named = [...absent.matchAll(/`([^`]+)`/g)].map(([, words]) =>
      words!.replace(/[ -]?[*…].*$/, "")
    );
    const here = COMMANDS.map(({ words }) => words.join(" "));
    for (const line of lines(theirs).slice(1)) {
      // Its help spells one of its commands wrongly.
      const command = /^ {2}([a-z -]+[a-z])/.exec(line)![1]!
        .replace("crlfile", "crl-file");
      const isKnown = [...here, ...named].some((known) =>
        `${command} `.startsWith(`${known} `) ||
        `${known} `.startsWith(`${command} `)
      );
      assert.ok(isKnown, line);
    }
  },
);

needs(
  ["haproxy", "socat"],
  "show info has HAProxy's keys, in its order, at its positions",
  async () => {
    await using pair = await Pair.create();
    const own = /^(Config|Cache|Errors|Login)_/;
    const keys = (text: string) =>
      lines(text).map((line) => /^([^:]+): .*$/.exec(line)![1]!);
    const [theirs, ours] = await pair.both("show info\n");
    const common = keys(ours).filter((key) => !own.test(key));
    assert.deepEqual(
      keys(theirs).filter((key) => common.includes(key)),
      common,
    );
    const [typedTheirs, typedOurs] = await pair.both("show info typed\n");
    const heads = (text: string) =>
      lines(text).map((line) => /^\d+\.[^:]+:\w{3}:\w{3}:/.exec(line)![0]);
    const known = new Set(heads(typedTheirs).map(ignoringWidth));
    for (const head of heads(typedOurs)) {
      if (!own.test(head.replace(/^\d+\./, ""))) {
        assert.ok(known.has(ignoringWidth(head)), head);
      }
    }
    const [jsonTheirs, jsonOurs] = await pair.both("show info json\n");
    assert.deepEqual(
      shape(JSON.parse(jsonOurs)[0]),
      shape(JSON.parse(jsonTheirs)[0]),
    );
  },
);

/** A counter may be wider here. */
const ignoringWidth = (head: string) => head.replace(/:u(32|64):$/, ":u:");

function shape(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, shape(inner)]),
  );
}

needs(
  ["haproxy", "socat"],
  "show stat has HAProxy's columns and rows",
  async () => {
    await using pair = await Pair.create();
    const [theirs, ours] = await pair.both("show stat\n");
    const head = (text: string) => lines(text)[0]!;
    assert.ok(head(theirs).startsWith(head(ours)), head(ours));
    const rows = (text: string) =>
      lines(text).slice(1).map((line) => {
        const values = line.split(",");
        return Object.fromEntries(COLUMNS.map((name, i) => [name, values[i]!]));
      });
    const names = (text: string) =>
      rows(text).map((row) => `${row.pxname}/${row.svname}/${row.type}`);
    for (const name of names(theirs)) {
      assert.ok(
        names(ours).includes(name),
        name,
      );
    }
    // What a row of one kind fills here, it fills there too.
    for (const row of rows(theirs)) {
      const same = rows(ours).find((other) =>
        other.pxname === row.pxname && other.svname === row.svname
      )!;
      for (const [name, value] of Object.entries(same)) {
        if (value !== "") {
          assert.notEqual(
            row[name],
            "",
            `${row.svname} ${name}`,
          );
        }
      }
    }
    for (
      const selection of ["old 4 -1", "-1 1 -1", "old -1 -1", "-1 2 -1", "up"]
    ) {
      const [selectedTheirs, selectedOurs] = await pair.both(
        `show stat ${selection}\n`,
      );
      const kinds = (text: string) =>
        new Set(rows(text).map(({ svname }) => svname));
      const wanted = [...kinds(selectedTheirs)];
      for (const kind of wanted) assert.ok(kinds(selectedOurs).has(kind));
    }
    const [typedTheirs, typedOurs] = await pair.both("show stat typed\n");
    const fields = (text: string) =>
      lines(text).map((line) =>
        /^[FBS]\.\d+\.\d+\.(\d+\.\w+)\.1:(\w{3}):(\w{3}):/.exec(line)!
          .slice(1, 4).join(" ")
      );
    const known = new Set(fields(typedTheirs));
    for (const field of fields(typedOurs)) {
      // HAProxy has one tag for rates of listeners, another for those of servers.
      if (!/ rate| rate_max/.test(field)) assert.ok(known.has(field), field);
    }
    const [jsonTheirs, jsonOurs] = await pair.both("show stat json\n");
    assert.deepEqual(
      shape(JSON.parse(jsonOurs)[0][0]),
      shape(JSON.parse(jsonTheirs)[0][0]),
    );
  },
);

needs(
  ["haproxy", "socat"],
  "servers, maps and sockets are listed in HAProxy's form",
  async () => {
    await using pair = await Pair.create();
    for (
      const [command, heading] of [
        ["show servers state", 2],
        ["show backend", 1],
        ["show map", 1],
        ["show cli sockets", 1],
      ] as const
    ) {
      const [theirs, ours] = (await pair.both(`${command}\n`)).map(lines);
      assert.deepEqual(
        ours!.slice(0, heading),
        theirs!.slice(0, heading),
        command,
      );
      if (command !== "show map") {
        const width = (line: string) => line.split(" ").length;
        assert.equal(width(ours!.at(-1)!), width(theirs!.at(-1)!), command);
      }
    }
    const [theirs, ours] = await pair.both("show servers conn\n");
    assert.ok(lines(theirs)[0]!.startsWith(lines(ours)[0]!));
    const [entryTheirs, entryOurs] = await pair.both("show map mappings\n");
    for (const entry of [entryTheirs, entryOurs]) {
      assert.match(entry, /^0x[0-9a-f]+ alice@example\.com old\n/);
    }
    const found = (await pair.both(`get map mappings ${ALICE}\n`))
      .map((text) => Object.keys(fieldsOfLine(lines(text)[0]!)));
    for (const field of found[1]!) assert.ok(found[0]!.includes(field), field);
  },
);

/** `a=1, b="2"` as an object. */
function fieldsOfLine(line: string): Record<string, string> {
  return Object.fromEntries(
    line.split(", ").map((field) => field.split("=") as [string, string]),
  );
}
