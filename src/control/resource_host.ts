/** What validation asks of this machine (config/resources.ts). */
import { lookup } from "node:dns/promises";
import type { ResourceHost } from "../config/resources.ts";
import { sourceAddressWorks } from "../net/source_address.ts";
import { normalizeIdentifier } from "../route/identifier.ts";
import { readTable } from "../store/file_table.ts";
import { StoreError } from "../store/store.ts";

/** A name server that does not answer must not hold up the start; the check does without then. */
const RESOLVE_TIMEOUT = 3000;

export const resourceHost: ResourceHost = {
  readFile: (path) => Deno.readTextFile(path),
  resolve,
  localAddresses: () =>
    Deno.networkInterfaces().map(({ address }) => address.split("%")[0]!),
  sourceAddressWorks,
  async checkMappings(path, normalize, targetFault) {
    try {
      await readTable(path, {
        normalize: (identifier) => normalizeIdentifier(identifier, normalize),
        checkDestination: targetFault,
      });
      return [];
    } catch (error) {
      if (error instanceof StoreError) return error.problems;
      throw error;
    }
  },
};

async function resolve(host: string): Promise<readonly string[]> {
  let timer: number | undefined;
  const late = new Promise<readonly string[]>((done) => {
    timer = setTimeout(() => done([]), RESOLVE_TIMEOUT);
  });
  const found = lookup(host, { all: true }).then(
    (answers) => answers.map(({ address }) => address),
    () => [],
  );
  try {
    return await Promise.race([found, late]);
  } finally {
    clearTimeout(timer);
  }
}
