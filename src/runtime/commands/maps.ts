/** Maps: `mappings` is the mapping store, others are tables for scripts. */
import { splitEntry } from "../../config/tables.ts";
import type { TableEntry } from "../../control/api_tables.ts";
import { type Command, CommandError, type Invocation } from "../command.ts";
import { hasAccounts, keyOf, tableCommands } from "./tables.ts";

export const mapCommands: readonly Command[] = [
  ...tableCommands("map"),
  {
    words: ["get", "map"],
    args: [{ text: "<map>" }, { text: "<key>", account: true }],
    level: "operator",
    help: "report the key and value matching a sample for a map",
    description:
      "Of `mappings`: what the store has for an account, and behind it how the account is routed now, step by step.",
    run: getFromMap,
  },
  {
    words: ["set", "map"],
    args: [
      { text: "<map>" },
      { text: "<key>|#<ref>", account: true },
      { text: "<value>" },
    ],
    level: "admin",
    changes: true,
    help: "modify a map entry",
    async run({ control, args: [map, given, value], by }) {
      const { maps } = control.plane;
      const key = await keyOf(maps, map!, given!);
      if (key === null) throw new CommandError("key or pattern not found.");
      if (await maps.find(map!, key) === null) {
        throw new CommandError("entry not found.");
      }
      await maps.add(map!, [{ key, value: value! }], { by });
      return "";
    },
  },
  {
    words: ["add", "map"],
    version: "optional",
    args: [
      { text: "<map>", optional: true },
      { text: "<key>", optional: true, account: true },
      { text: "<value>", optional: true },
    ],
    payload: true,
    level: "admin",
    changes: true,
    help: "add a map entry (payload supported instead of key/val)",
    description:
      "A key has one value: an entry that is there already gets the new one. In a payload each line is a key, white space and a value, which may have blanks in it; it is added whole or not at all, to a mapping file in one write and for all logins at once, to Redis and SQL one entry after the other.",
    run: addToMap,
  },
];

async function getFromMap(
  { control, dialogue, args: [map, given] }: Invocation,
): Promise<string> {
  const { plane } = control;
  const isAccount = await hasAccounts(plane.maps, map!);
  const found = await plane.maps.find(map!, given!);
  const hidden = (key: string) =>
    isAccount && dialogue.anonymous ? control.shorten(key) : key;
  const head = `type=str, case=sensitive, found=${
    found === null
      ? "no"
      : `yes, idx=tree, key="${
        hidden(found.key)
      }", value="${found.value}", type="str"`
  }\n`;
  if (!isAccount) return head;
  const { normalized } = await plane.mapping(given!);
  const { steps, destination, refused } = await plane.explain(given!);
  const lines = [
    ...steps.map(({ step, result }) =>
      `${step}: ${result.replaceAll(normalized, hidden(normalized))}`
    ),
    `destination: ${destination ?? "<none>"}`,
    ...(refused === null ? [] : [`refused: ${refused}`]),
  ];
  return head + lines.map((line) => `${line}\n`).join("");
}

async function addToMap(
  { control, args: [map, key, value], payload, version, by }: Invocation,
): Promise<string> {
  if (map === undefined || (payload === null) !== (value !== undefined)) {
    throw new CommandError(
      "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload",
    );
  }
  const entries = payload === null
    ? [{ key: key!, value: value! }]
    : entriesOf(payload);
  await control.plane.maps.add(map, entries, {
    by,
    version: version ?? undefined,
  });
  return "";
}

/** Lines of a key and a value. */
function entriesOf(payload: string): TableEntry[] {
  return payload.split("\n").flatMap((line) => {
    const entry = splitEntry(line);
    if (entry?.value === "") {
      throw new CommandError(`Missing value for key '${entry.key}'.`);
    }
    return entry ?? [];
  });
}
