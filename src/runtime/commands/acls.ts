/** Acls: named lists of address ranges. */
import { type Command, CommandError } from "../command.ts";
import { tableCommands } from "./tables.ts";

export const aclCommands: readonly Command[] = [
  ...tableCommands("acl"),
  {
    words: ["get", "acl"],
    args: [{ text: "<acl>" }, { text: "<address>" }],
    level: "operator",
    help: "report the smallest range of an acl that an address is in",
    async run({ control, args: [acl, address] }) {
      const found = await control.plane.acls.find(acl!, address!);
      return `type=ip, case=sensitive, match=${
        found === null ? "no" : `yes, idx=tree, pattern="${found.key}"`
      }\n`;
    },
  },
  {
    words: ["add", "acl"],
    version: "optional",
    args: [
      { text: "<acl>", optional: true },
      { text: "<range>", optional: true },
    ],
    payload: true,
    level: "admin",
    changes: true,
    help: "add an acl entry (payload supported instead of the range)",
    description:
      "In a payload each line is a range; it is added whole or not at all. A range that is there already stays there once. Listeners judge by it from the next connection on, and open sessions stay.",
    async run({ control, args: [acl, range], payload, version, by }) {
      if (
        acl === undefined || (payload === null) !== (range !== undefined)
      ) {
        throw new CommandError(
          "'add acl' expects two parameters: ACL identifier and pattern.",
        );
      }
      const ranges = payload === null ? [range!] : payload.split("\n");
      const entries = ranges.map((text) => text.trim())
        .filter((key) => key !== "").map((key) => ({ key, value: "" }));
      await control.plane.acls.add(acl, entries, {
        by,
        version: version ?? undefined,
      });
      return "";
    },
  },
];
