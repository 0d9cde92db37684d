/** What commands on acls and on maps have in common. */
import { createHash } from "node:crypto";
import { MAPPINGS_MAP } from "../../config/tables.ts";
import type { TableControl } from "../../control/api_tables.ts";
import { type Command, CommandError, type Invocation } from "../command.ts";

export type TableWord = "acl" | "map";

/** Lines of a dump are sent in pieces of so many. */
const PIECE = 1000;

function tablesOf(
  what: TableWord,
  { plane }: Invocation["control"],
): TableControl {
  return what === "acl" ? plane.acls : plane.maps;
}

/** The commands that differ in nothing but the word. */
export function tableCommands(what: TableWord): readonly Command[] {
  const table = { text: `<${what}>` };
  const missing = new CommandError(
    `Missing ${what === "acl" ? "ACL" : "map"} identifier.`,
  );
  return [
    {
      words: ["show", what],
      version: "optional",
      args: [{ ...table, optional: true }],
      level: "operator",
      help: `report available ${what}s or dump the contents of one`,
      description: what === "acl"
        ? "Each entry is a line: its reference and the range, as it is kept: `192.0.2.7/24` is `192.0.2.0/24`. A version that there is not has no entries."
        : "Each entry is a line: its reference, the key and the value. The map `mappings` is the mapping store, whose keys are accounts and whose values are destinations. A version that there is not has no entries.",
      run: (invocation) =>
        invocation.args.length === 0 && invocation.version === null
          ? list(tablesOf(what, invocation.control))
          : dump(what, invocation),
    },
    {
      words: ["del", what],
      args: [table, {
        text: what === "acl" ? "<range>|#<ref>" : "<key>|#<ref>",
        account: true,
      }],
      level: "admin",
      changes: true,
      help: `delete an entry of ${what === "acl" ? "an acl" : "a map"}`,
      async run({ control, args: [name, given], by }) {
        const tables = tablesOf(what, control);
        const key = await keyOf(tables, name!, given!);
        if (key === null || !await tables.remove(name!, key, by)) {
          throw new CommandError("Key not found.");
        }
        return "";
      },
    },
    {
      words: ["clear", what],
      version: "optional",
      args: [{ ...table, optional: true }],
      level: "admin",
      changes: true,
      help: `remove all entries, of what is in force or of a version`,
      ...(what === "map" && {
        description:
          "Without a version `clear map mappings` removes every mapping: all accounts are on the default destination then.",
      }),
      async run({ control, args: [name], version, by }) {
        if (name === undefined) throw missing;
        await tablesOf(what, control).clear(name, {
          by,
          version: version ?? undefined,
        });
        return "";
      },
    },
    {
      words: ["prepare", what],
      args: [{ ...table, optional: true }],
      level: "admin",
      changes: true,
      help: "create a version, to be filled and committed",
      description:
        `Answers its number. What is added to it with \`@<ver>\` is seen by nobody until it is committed; it is in memory only, and a restart forgets it. At most 16 versions of ${
          what === "acl" ? "an acl" : "a map"
        } have entries at once, and two million entries or 128 Mi characters are in those of all acls and maps together.`,
      run: ({ control, args: [name = ""] }) =>
        `New version created: ${tablesOf(what, control).prepare(name)}\n`,
    },
    {
      words: ["commit", what],
      version: "required",
      args: [{ ...table, optional: true }],
      level: "admin",
      changes: true,
      help: "put a prepared version in force, all of it at once",
      description: what === "acl"
        ? "It replaces everything that was in force, and earlier versions are gone."
        : "It replaces everything that was in force, and earlier versions are gone. Of `mappings` that is the whole store, which has to be a file, in one write: accounts that are not in the version are on the default destination afterwards. No login sees a part of it. To move some accounts and keep the others, give them to `add map mappings` as a payload, which is one write too.",
      async run({ control, args: [name], version, by }) {
        if (name === undefined) throw missing;
        await tablesOf(what, control).commit(name, version!, by);
        return "";
      },
    },
  ];
}

/** The key of `#<ref>`, or the word itself; null for a reference of nothing. Throws ControlError. */
export async function keyOf(
  tables: TableControl,
  table: string,
  given: string,
): Promise<string | null> {
  if (!given.startsWith("#")) return given;
  for await (const { key } of tables.entries(table)) {
    if (`#${referenceOf(key)}` === given) return key;
  }
  return null;
}

/** Whether the keys of this table are accounts. */
export async function hasAccounts(
  tables: TableControl,
  table: string,
): Promise<boolean> {
  if (table === MAPPINGS_MAP || !table.startsWith("#")) {
    return table === MAPPINGS_MAP;
  }
  const views = await tables.tables();
  return views.some(({ number, name }) =>
    name === MAPPINGS_MAP && table === `#${number}`
  );
}

async function list(tables: TableControl): Promise<string> {
  const lines = (await tables.tables()).map((view) =>
    `${view.number} (${view.name}) ${view.description}. ` +
    `curr_ver=${view.current} next_ver=${view.next} entry_cnt=${view.entries}\n`
  );
  return ["# id (file) description\n", ...lines].join("");
}

async function* dump(
  what: TableWord,
  { control, dialogue, args: [name = ""], version }: Invocation,
): AsyncGenerator<string> {
  const tables = tablesOf(what, control);
  const isHidden = dialogue.anonymous && what === "map" &&
    await hasAccounts(tables, name);
  let lines: string[] = [];
  const entries = tables.entries(name, version ?? undefined);
  for await (const { key, value } of entries) {
    const shown = isHidden ? control.shorten(key) : key;
    lines.push(
      `${referenceOf(key)} ${shown}${value === "" ? "" : ` ${value}`}\n`,
    );
    if (lines.length < PIECE) continue;
    yield lines.join("");
    lines = [];
  }
  yield lines.join("");
}

/** HAProxy's references are addresses in its memory; these stay the same for a key. */
function referenceOf(key: string): string {
  const hash = createHash("sha256").update(key).digest("hex");
  return `0x${hash.slice(0, 12)}`;
}
