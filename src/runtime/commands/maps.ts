/** Maps: `mappings` is the mapping store. */
import { createHash } from "node:crypto";
import { ControlError } from "../../control/api.ts";
import { type Command, CommandError, type Invocation } from "../command.ts";

/** The map that is the mapping store. */
const MAPPINGS = "mappings";
const UNKNOWN = "Unknown map identifier. Please use #<id> or <file>.";
const NUMBER = 0;
/** Entries of a payload that are written together. */
const GROUP = 1000;

type Control = Invocation["control"];

export const mapCommands: readonly Command[] = [
  {
    words: ["show", "map"],
    args: [{ text: "<map>", optional: true }],
    level: "operator",
    help: "report available maps or dump a map's contents",
    description:
      "The map `mappings` is the mapping store. Each entry is a line: its reference, the account, its destination.",
    run: ({ control, dialogue, args: [map] }) => {
      if (map === undefined) {
        return `# id (file) description\n${NUMBER} (${MAPPINGS}) mapping store, source ${control.mappings.source}${
          control.mappings.writable ? "" : ", read-only"
        }\n`;
      }
      known(map);
      return dump(control, dialogue.anonymous);
    },
  },
  {
    words: ["get", "map"],
    args: [{ text: "<map>" }, { text: "<key>", account: true }],
    level: "operator",
    help: "report the key and value matching a sample for a map",
    description:
      "Of `mappings`: what the store has for an account, and behind it how the account is routed now, step by step.",
    run: getMapping,
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
    async run({ control, args: [map, key, value] }) {
      known(map!);
      const account = await keyOf(control, key!);
      if (await control.mappings.stored(account) === null) {
        throw new CommandError("entry not found.");
      }
      await control.plane.setMapping(account, value!);
      return "";
    },
  },
  {
    words: ["add", "map"],
    args: [
      { text: "<map>" },
      { text: "<key>", optional: true, account: true },
      { text: "<value>", optional: true },
    ],
    payload: true,
    level: "admin",
    changes: true,
    help: "add a map entry (payload supported instead of key/val)",
    description:
      "An account has one destination: an entry that is there already gets the new value. In a payload each line is a key, a blank and a value; it is read whole, and its destinations are looked at, before anything is written.",
    run: addToMap,
  },
  {
    words: ["del", "map"],
    args: [{ text: "<map>" }, { text: "<key>|#<ref>", account: true }],
    level: "admin",
    changes: true,
    help: "delete map entries matching <key>",
    async run({ control, args: [map, key] }) {
      known(map!);
      const account = await keyOf(control, key!);
      if (!await control.plane.deleteMapping(account)) {
        throw new CommandError("Key not found.");
      }
      return "";
    },
  },
];

function known(map: string): void {
  if (map !== MAPPINGS && map !== `#${NUMBER}`) throw new CommandError(UNKNOWN);
}

async function* dump(
  { mappings, shorten }: Control,
  anonymous: boolean,
): AsyncGenerator<string> {
  for await (const page of mappings.mappings()) {
    yield page.map(({ identifier, destination }) => {
      const shown = anonymous ? shorten(identifier) : identifier;
      return `${referenceOf(identifier)} ${shown} ${destination}\n`;
    }).join("");
  }
}

async function getMapping(
  { control, dialogue, args: [map, key] }: Invocation,
): Promise<string> {
  known(map!);
  const { normalized } = await control.plane.mapping(key!);
  const value = await control.mappings.stored(key!);
  const shown = dialogue.anonymous ? control.shorten(normalized) : normalized;
  const found = value === null
    ? "type=str, found=no"
    : `type=str, found=yes, key="${shown}", value="${value}", type="str"`;
  const { steps, destination, refused } = await control.plane.explain(key!);
  return [
    found,
    ...steps.map(({ step, result }) =>
      `${step}: ${
        dialogue.anonymous ? result.replaceAll(normalized, shown) : result
      }`
    ),
    `destination: ${destination ?? "<none>"}`,
    ...(refused === null ? [] : [`refused: ${refused}`]),
  ].map((line) => `${line}\n`).join("");
}

async function addToMap(
  { control, args: [map, key, value], payload }: Invocation,
): Promise<string> {
  if (map === undefined || (payload === null) !== (value !== undefined)) {
    throw new CommandError(
      "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload",
    );
  }
  known(map);
  const entries = payload === null
    ? [[key!, value!] as const]
    : entriesOf(payload);
  const declared = new Set(
    control.plane.destinations().map(({ destination }) => destination),
  );
  for (const [, destination] of entries) {
    if (!declared.has(destination)) {
      throw new CommandError(`unknown destination '${destination}'`);
    }
  }
  await setAll(control, entries);
  return "";
}

/** In groups: what a store is given while it writes shares its next write. */
async function setAll(
  { plane }: Control,
  entries: readonly (readonly [string, string])[],
): Promise<void> {
  for (let at = 0; at < entries.length; at += GROUP) {
    const group = entries.slice(at, at + GROUP);
    const done = await Promise.allSettled(
      group.map(([account, destination]) =>
        plane.setMapping(account, destination)
      ),
    );
    const failed = done.findIndex(({ status }) => status === "rejected");
    if (failed < 0) continue;
    const { reason } = done[failed] as PromiseRejectedResult;
    if (!(reason instanceof ControlError) || entries.length === 1) throw reason;
    const count = at + done.filter((d) => d.status === "fulfilled").length;
    throw new CommandError(
      `${count} of ${entries.length} entries were added; of the others the first is line ${
        at + failed + 1
      }: ${reason.message}`,
    );
  }
}

/** Lines of a key and a value. */
function entriesOf(payload: string): (readonly [string, string])[] {
  return payload.split("\n").map((line) => line.trim())
    .filter((line) => line !== "").map((line) => {
      const blank = line.search(/[ \t]/);
      if (blank < 0) {
        throw new CommandError(`Missing value for key '${line}'.`);
      }
      return [line.slice(0, blank), line.slice(blank).trim()];
    });
}

/** The account of `#<ref>`, or of the word itself. */
async function keyOf({ mappings }: Control, key: string): Promise<string> {
  if (!/^#0x[0-9a-f]+$/.test(key)) return key;
  for await (const page of mappings.mappings()) {
    const found = page.find(({ identifier }) =>
      `#${referenceOf(identifier)}` === key
    );
    if (found) return found.identifier;
  }
  throw new CommandError("Key not found.");
}

/** HAProxy's references are addresses in its memory; these stay the same for an account. */
function referenceOf(identifier: string): string {
  const hash = createHash("sha256").update(identifier).digest("hex");
  return `0x${hash.slice(0, 12)}`;
}
