/**
 * Where the configuration API differs from Caddy's on purpose. The comparison of both allows these
 * and nothing else, and docs/compatibility.md has a row for each.
 */
import type { Edit } from "../../src/config/document/edit.ts";
import type { DocumentError } from "../../src/config/document/error.ts";
import type { Json } from "../../src/config/document/json.ts";

/** One operation on both. `DocumentError`'s codes stand for the kinds of refusal. */
export interface Compared {
  readonly change: Edit;
  /** The value at the path before, by our rules; undefined where there is none or the path leads nowhere. */
  readonly before: Json | undefined;
  /** Some list on the path is itself in a list. */
  readonly listInList: boolean;
  readonly caddy: Outcome;
  readonly ours: Outcome;
}

export type Outcome = "done" | DocumentError["code"];

export interface DeliberateDifference {
  readonly what: string;
  readonly caddy: string;
  readonly here: string;
  readonly why: string;
  /** For what the random sequences meet; the others have tests of their own. */
  explains?(compared: Compared): boolean;
}

const to = (compared: Compared, caddy: Outcome, ours: Outcome) =>
  compared.caddy === caddy && compared.ours === ours;

export const CADDY_DIFFERENCES: readonly DeliberateDifference[] = [
  {
    what: "status of a change that makes no sense",
    caddy: "500 (release 2.6)",
    here: "400, 404 or 409",
    why: "the client is wrong, not the server",
  },
  {
    what: "DELETE of a member that is absent",
    caddy: "200",
    here: "404",
    why: "a misspelled path must not look like a success",
    explains: (c) => c.change.method === "DELETE" && to(c, "done", "absent"),
  },
  {
    what: "PATCH and DELETE below what is absent",
    caddy: "refused as a bad path",
    here: "404",
    why: "what was to be replaced is absent, at whichever level",
    explains: (c) => to(c, "invalid", "absent"),
  },
  {
    what: "POST at an index that the list does not have",
    caddy: "appends, whatever the index is",
    here: "400",
    why: "a bad index is a mistake for every other method",
    explains: (c) =>
      c.change.method === "POST" && c.before === undefined &&
      to(c, "done", "invalid"),
  },
  {
    what: "`/...` with another method than POST",
    caddy: "the `/...` is dropped: DELETE takes the whole list away",
    here: "400",
    why: "it means each element, and nothing is meant by that here",
    explains: (c) =>
      c.change.each && c.change.method !== "POST" && c.ours === "invalid",
  },
  {
    what: "`/...` on what is no list, or with a body that is none",
    caddy: "sets the value",
    here: "400",
    why: "it would replace a table by a list",
    explains: (c) =>
      c.change.each && c.change.method === "POST" && to(c, "done", "invalid"),
  },
  {
    what: "a change in a list inside a list",
    caddy: "is answered with 200 and lost, or goes to the outer list",
    here: "is made",
    why: "a change that was answered with 200 has to be there",
    explains: (c) => c.listInList,
  },
  {
    what: "an encoded slash in a path",
    caddy: "separates",
    here: "is part of the name",
    why: "names of listeners and destinations may have slashes",
  },
  {
    what: "two slashes in a row, `/config` without its slash",
    caddy: "301",
    here: "400 for an empty name; `/config` is `/config/`",
    why: "a client that follows no redirects must not miss its change",
  },
  {
    what: "an empty body",
    caddy: "is null",
    here: "400",
    why: "an upload that failed must not clear a key",
  },
  {
    what: "a name twice in an object of the body",
    caddy: "the last one wins",
    here: "400",
    why: "two readers of the same text could take different ones",
  },
  {
    what: "an `@id` that two objects have",
    caddy: "one of them is found",
    here: "400",
    why: "a change through it could go to the wrong object",
  },
  {
    what: "an `@id` that is refused",
    caddy: "stays in the document, so that every later change fails",
    here: "changes nothing",
    why: "a change that fails is rolled back whole",
  },
  {
    what: "`If-Match` whose scope is gone",
    caddy: "500",
    here: "412",
    why: "it has changed since it was read",
  },
  {
    what: "content types of a change",
    caddy: "400 unless JSON",
    here: "JSON where none is given, 415 for others",
    why: "the status for it (RFC 9110 15.5.16)",
  },
  {
    what: "answers",
    caddy: "a change has an empty one, an error is JSON",
    here: "a change says in JSON what it did, an error is lines of text",
    why: "as everywhere in this management API",
  },
  {
    what: "who may ask",
    caddy: "whoever reaches the address, or a client with a certificate",
    here: "a token with a role, over HTTPS",
    why: "a mail proxy's API can send accounts to another server",
  },
  {
    what: "secrets",
    caddy: "are shown",
    here: "are placeholders, which keep the secret when they are written back",
    why: "a backup of the configuration must not need to be a secret",
  },
  {
    what: "`null` as the whole configuration",
    caddy: "unloads it",
    here: "400",
    why: "DELETE says so, an empty variable of a script does not",
  },
  {
    what: "a configuration without the API that sets it",
    caddy: "is put in force",
    here: "400",
    why: "whoever did that by mistake could not undo it; the file may do it",
  },
  {
    what: "the address of the API",
    caddy: "localhost:2019, `CADDY_ADMIN`",
    here: "`[admin] bind`, nothing by default",
    why: "there is no safe token to begin with",
  },
  {
    what: "`num_requests`, `fails` of upstreams",
    caddy: "by address",
    here: "by leg, which is named",
    why: "legs of several destinations may share an address",
  },
  {
    what: "`GET /pki/ca/<id>`",
    caddy: "any authority of the configuration",
    here: "`local`",
    why: "there is one, which signs what has no certificate",
  },
  {
    what: "config adapters",
    caddy: "Caddyfile, others as plugins",
    here: "TOML, JSON, JSON5",
    why: "the proxy's own file is TOML",
  },
  {
    what: "names of an object",
    caddy: "in alphabetical order",
    here: "in the order in which they were written",
    why: "a configuration that comes back is the one that was sent",
  },
];

/** The row of docs/compatibility.md. */
export function differenceRow(difference: DeliberateDifference): string {
  const { what, caddy, here, why } = difference;
  return `| ${what} | ${caddy} | ${here} | ${why} |`;
}
