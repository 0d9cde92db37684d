/** What scenarios ask of a proxy whose mappings are in another program. */
import { login, type Stage } from "./stage.ts";

/** Identifiers that every such store takes as they are. A % is part of one where it separates no master users. */
export const ODD_IDENTIFIERS: readonly string[] = [
  "o'brien@example.com",
  "semi;colon--/*@example.com",
  "100%_@example.com",
  "#hash@example.com",
  "back\\slash@example.com",
  "\u{1F4E7}@example.com",
  "a".repeat(320),
];

/** Those that are refused before a store is asked. */
export const REFUSED_IDENTIFIERS: readonly string[] = [
  "a b",
  'a"b',
  "a\tb",
  "a".repeat(321),
];

/** Where a login of this account ends: the backend's name, or the proxy's refusal. */
export async function whereIs(stage: Stage, account: string): Promise<string> {
  using client = await stage.client();
  const { status, text } = await client.transact(login(account));
  return status === "OK" ? text.split(" ").at(-1)! : text;
}

/** Status and body. */
export async function readyz({ proxy }: Stage): Promise<string> {
  const { status, body } = await proxy.admin("GET", "/readyz");
  return `${status} ${body.trimEnd()}`;
}
