import type { ControlPlane } from "../api.ts";
import type { TableControl } from "../api_tables.ts";
import type { Overrides } from "../overrides/overrides.ts";
import type { Parts } from "../parts.ts";
import type { Served } from "../served.ts";
import { aclKind, ConfiguredTable, mapKind } from "./configured_table.ts";
import { MappingTable } from "./mapping_table.ts";
import { Tables } from "./tables.ts";
import { Room } from "./versions.ts";

/** A wave of a million accounts, and as much again: some 300 MB. */
const ROOM = { entries: 2_000_000, characters: 128 * 1024 * 1024 };

/** The acls and the maps of the configuration in force. */
export function controlTables(
  parts: Parts,
  served: () => Served,
  overrides: Pick<Overrides, "revise">,
  plane: Pick<ControlPlane, "setMapping" | "deleteMapping">,
): { readonly acls: TableControl; readonly maps: TableControl } {
  const room = new Room(ROOM);
  const resources = () => served().resources;
  const mappings = new MappingTable(parts, () => served().config, plane);
  return {
    acls: new Tables(
      "acl",
      room,
      () =>
        Object.entries(served().config.acl).map(([name, { file }]) =>
          new ConfiguredTable(
            aclKind,
            name,
            file === undefined
              ? "address ranges of the configuration"
              : `address ranges of the configuration and of file '${file}'`,
            resources,
            overrides,
          )
        ),
    ),
    maps: new Tables("map", room, () => [
      mappings,
      ...Object.entries(served().config.map).map(([name, { file }]) =>
        new ConfiguredTable(
          mapKind,
          name,
          `table of file '${file}'`,
          resources,
          overrides,
        )
      ),
    ]),
  };
}
