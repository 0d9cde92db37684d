/** Reads what `[acl.NAME]` and `[map.NAME]` name. */
import { type Issues, shortened } from "./issues.ts";
import { readNamed } from "./named_files.ts";
import type { ResourceHost } from "./resources.ts";
import { isCidr } from "./scalars.ts";
import type { ConfigDraft } from "./walk.ts";

/** The name under which the mapping store is among the maps. */
export const MAPPINGS_MAP = "mappings";

/** Of one list or table. */
export const MOST_ENTRIES = 1_000_000;
/** Of a map, in characters. */
const LONGEST_KEY = 320;
const LONGEST_VALUE = 4096;

/** Of each file, the rest is counted. */
const REPORTED = 20;

/** NAME of `acl:NAME`, by which an acl stands among address ranges; null for a range. */
export function aclNameOf(range: string): string | null {
  return range.startsWith("acl:") ? range.slice("acl:".length) : null;
}

/** Why a map cannot hold this entry; null when it can. */
export function mapEntryFault(key: string, value: string): string | null {
  if (key.length > LONGEST_KEY) {
    return `the key is longer than ${LONGEST_KEY} characters`;
  }
  if (value === "") return `no value behind the key ${key}`;
  return value.length > LONGEST_VALUE
    ? `the value is longer than ${LONGEST_VALUE} characters`
    : null;
}

/** The address ranges of each acl, those of its file behind its own. */
export async function loadAcls(
  draft: ConfigDraft,
  issues: Issues,
  host: ResourceHost,
): Promise<Map<string, readonly string[]>> {
  const loaded = new Map<string, readonly string[]>();
  for (const [name, acl] of Object.entries(draft.acl ?? {})) {
    const entries = [...acl?.entries ?? []];
    if (acl?.file !== undefined) {
      const path = ["acl", name, "file"];
      const text = await readNamed(issues, host, path, acl.file);
      const problems = new FileProblems(issues, acl.file);
      for (const [line, content] of linesOf(text ?? "")) {
        const range = content.split("#")[0]!.trim();
        if (range === "") continue;
        if (isCidr(range)) entries.push(range);
        else {problems.add(
            line,
            `${JSON.stringify(shortened(range))} is no address range`,
          );}
      }
      problems.end();
    }
    if (entries.length > MOST_ENTRIES) {
      issues.problem(
        ["acl", name],
        `has ${entries.length} entries, at most ${MOST_ENTRIES} are possible`,
      );
    }
    loaded.set(name, entries);
  }
  return loaded;
}

/** The content of each map. Of lines with the same key the last one counts. */
export async function loadMaps(
  draft: ConfigDraft,
  issues: Issues,
  host: ResourceHost,
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const loaded = new Map<string, ReadonlyMap<string, string>>();
  for (const [name, map] of Object.entries(draft.map ?? {})) {
    if (map?.file === undefined) continue;
    const path = ["map", name, "file"];
    const text = await readNamed(issues, host, path, map.file);
    const problems = new FileProblems(issues, map.file);
    const entries = new Map<string, string>();
    let repeated = 0;
    for (const [line, content] of linesOf(text ?? "")) {
      const entry = splitEntry(content);
      if (entry === null || entry.key.startsWith("#")) continue;
      const fault = mapEntryFault(entry.key, entry.value);
      if (fault !== null) {
        problems.add(line, fault);
        continue;
      }
      if (entries.has(entry.key)) repeated++;
      entries.set(entry.key, entry.value);
    }
    problems.end();
    if (repeated > 0) {
      issues.warn(
        path,
        `${repeated} lines of ${map.file} repeat a key, the last one counts`,
      );
    }
    if (entries.size > MOST_ENTRIES) {
      issues.problem(
        path,
        `${map.file} has ${entries.size} entries, at most ${MOST_ENTRIES} are possible`,
      );
    }
    loaded.set(name, entries);
  }
  return loaded;
}

/** A key and, behind white space, its value ("" when there is none); null for an empty line. */
export function splitEntry(
  line: string,
): { readonly key: string; readonly value: string } | null {
  const text = line.trim();
  if (text === "") return null;
  const blank = text.search(/\s/);
  return blank < 0
    ? { key: text, value: "" }
    : { key: text.slice(0, blank), value: text.slice(blank).trim() };
}

function linesOf(text: string): [number, string][] {
  return text.replace(/^\ufeff/, "").split("\n")
    .map((line, i) => [i + 1, line]);
}

class FileProblems {
  #count = 0;

  constructor(
    private readonly issues: Issues,
    private readonly file: string,
  ) {}

  add(line: number, message: string): void {
    if (++this.#count > REPORTED) return;
    this.issues.problemIn(this.file, line, message);
  }

  end(): void {
    const more = this.#count - REPORTED;
    if (more > 0) {
      this.issues.problemIn(this.file, null, `${more} more bad lines`);
    }
  }
}
