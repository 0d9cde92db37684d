/** What validation asks of this machine (config/resources.ts). */
// The promise form of this module prints a deprecation warning on stderr when it is loaded.
import { lookup } from "node:dns";
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

function resolve(host: string): Promise<readonly string[]> {
  return new Promise((done) => {
    const timer = setTimeout(() => done([]), RESOLVE_TIMEOUT);
    lookup(host, { all: true }, (error, answers) => {
      clearTimeout(timer);
      done(error ? [] : answers.map(({ address }) => address));
    });
  });
}
