/** The example of a page in docs/stores, as its readers would take it. */
import { parse } from "smol-toml";
import type { Table } from "./proxy_config.ts";
import { blocks } from "./readme.ts";

export interface StorePage {
  /** Statements that make the table. */
  readonly table: string;
  /** `[mapping]` of the configuration. */
  readonly mapping: Table;
  /** Its `[mapping.sql]` without the address. */
  readonly queries: {
    readonly query: string;
    readonly upsert_query: string;
    readonly delete_query: string;
    readonly list_query: string;
  };
}

export async function storePage(
  name: "postgresql" | "mysql" | "sqlite",
): Promise<StorePage> {
  const page = new URL(`../../docs/stores/${name}.md`, import.meta.url);
  const text = await Deno.readTextFile(page);
  const mapping = parse(blocks(text, "toml")[0]!).mapping as Table;
  const { url: _, pool_size: __, ...queries } = mapping.sql as Table;
  return {
    table: blocks(text, "sql")[0]!,
    mapping,
    queries: queries as unknown as StorePage["queries"],
  };
}
