import assert from "node:assert/strict";
import {
  FakeRuntimeControl,
  legTraffic,
  listenerTraffic,
} from "../../../tests/support/fake_runtime_control.ts";
import type { RuntimeLevel } from "../../config/schema_runtime.ts";
import type { LegTraffic } from "../../control/api_traffic.ts";
import { CommandError, type Invocation } from "../command.ts";
import { COLUMNS, KINDS } from "../stat_columns.ts";
import { legStatus } from "../stat_rows.ts";
import { statCommands } from "./stat.ts";

async function showStat(
  args: readonly string[] = [],
  control = new FakeRuntimeControl(),
  level: RuntimeLevel = "operator",
): Promise<string> {
  const command = statCommands.find(({ words }) => words[1] === "stat")!;
  const invocation = { control, args, dialogue: { level } };
  return String(await command.run(invocation as unknown as Invocation));
}

/** Rows by column name. */
function parse(csv: string): Record<string, string>[] {
  const [head, ...lines] = csv.trimEnd().split("\n");
  const names = head!.slice(2).split(",");
  return lines.map((line) =>
    Object.fromEntries(line.split(",").map((value, i) => [names[i], value]))
  );
}

Deno.test("show stat has a row for each listener, leg and destination, under HAProxy's columns", async () => {
  const csv = await showStat();
  const rows = parse(csv);
  assert.deepEqual(
    rows.map((row) => [row.pxname, row.svname, row.status, row.iid, row.sid]),
    [
      ["imaps", "FRONTEND", "OPEN", "1", "0"],
      ["old", "imap", "UP", "2", "1"],
      ["old", "BACKEND", "UP", "2", "0"],
      ["new", "imap", "DOWN", "3", "1"],
      ["new", "BACKEND", "DOWN", "3", "0"],
    ],
  );
  const leg = rows[1]!;
  assert.deepEqual(
    [leg.scur, leg.smax, leg.stot, leg.bin, leg.bout, leg.econ, leg.eresp],
    ["2", "3", "10", "1000", "2000", "4", "5"],
  );
  assert.deepEqual(
    [leg.addr, leg.chkdown, leg.lastchg, leg.downtime, leg.lastsess],
    ["192.0.2.7:993", "1", "60", "30", "5"],
  );
  const widths = csv.trimEnd().split("\n").map((line) =>
    line.split(",").length
  );
  assert.deepEqual(new Set(widths), new Set([COLUMNS.length + 1]));
  assert.ok(Object.keys(KINDS).every((name) => COLUMNS.includes(name)));
});

Deno.test("show stat tells a user nothing of where backends are", async () => {
  const csv = await showStat([], new FakeRuntimeControl(), "user");
  assert.ok(!csv.includes("192.0.2.7") && !csv.includes("new.example.com"));
});

Deno.test("show stat selects rows as HAProxy does", async () => {
  const chosen = async (...args: string[]) =>
    parse(await showStat(args)).map((row) => `${row.pxname}/${row.svname}`);
  assert.deepEqual(await chosen("-1", "1", "-1"), ["imaps/FRONTEND"]);
  assert.deepEqual(await chosen("old", "4", "-1"), ["old/imap"]);
  assert.deepEqual(await chosen("3", "6", "-1"), ["new/imap", "new/BACKEND"]);
  assert.deepEqual(await chosen("2", "4", "9"), []);
  assert.deepEqual(await chosen("up"), [
    ...["imaps/FRONTEND", "old/imap", "old/BACKEND", "new/BACKEND"],
  ]);
  await assert.rejects(showStat(["zz", "-1", "-1"]), CommandError);
  await assert.rejects(showStat(["zz"]), CommandError);
});

Deno.test("show stat has the same fields in its other forms", async () => {
  const control = new FakeRuntimeControl();
  const typed = (await showStat(["typed"], control)).trimEnd().split("\n");
  assert.ok(typed.includes("F.1.0.7.stot.1:MCP:u64:10"));
  assert.ok(typed.includes("S.2.1.73.addr.1:CGS:str:192.0.2.7:993"));
  const json = JSON.parse(await showStat(["json"], control));
  assert.equal(json.flat().length, typed.length);
  assert.deepEqual(json[1][0], {
    objType: "Server",
    proxyId: 2,
    id: 1,
    field: { pos: 0, name: "pxname" },
    processNum: 1,
    tags: { origin: "Key", nature: "Name", scope: "Service" },
    value: { type: "str", value: "old" },
  });
});

Deno.test("show stat quotes names that would end their field", async () => {
  const control = new FakeRuntimeControl();
  control.listeners = [listenerTraffic({ listener: 'a,"b"' })];
  assert.match(await showStat([], control), /\n"a,""b""",FRONTEND,/);
});

Deno.test("show stat tells what a listener and a leg are for new logins", async () => {
  const status = async (over: Parameters<typeof listenerTraffic>[0]) => {
    const control = new FakeRuntimeControl();
    control.listeners = [listenerTraffic(over)];
    return parse(await showStat([], control))[0]!.status;
  };
  assert.equal(await status({ now: 100, limit: 100 }), "FULL");
  assert.equal(await status({ isStopped: true }), "STOP");
  const cases: [Partial<LegTraffic>, string][] = [
    [{}, "UP"],
    [{ isDown: true }, "DOWN"],
    [{ wanted: "drain" }, "DRAIN"],
    [{ wanted: "drain", isDown: true }, "DOWN"],
    [{ wanted: "maint", isDown: true }, "MAINT"],
  ];
  for (const [over, expected] of cases) {
    assert.equal(legStatus(legTraffic(over)), expected);
  }
});
