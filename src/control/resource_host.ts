/** What validation asks of this machine (config/resources.ts). */
// The promise form of this module prints a deprecation warning on stderr when it is loaded.
import { lookup } from "node:dns";
import { processEnv } from "../config/environment.ts";
import type { ResourceHost } from "../config/resources.ts";
import { sourceAddressWorks } from "../net/source_address.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { normalizeIdentifier } from "../route/identifier.ts";
import { readTable } from "../store/file_table.ts";
import { StoreError } from "../store/store.ts";
import { readRevocationLists, RevocationError } from "./revocation_lists.ts";

/** A name server that does not answer must not hold up the start; the check does without then. */
const RESOLVE_TIMEOUT = 3000;

/** A list of this size has about half a million entries, and takes the main thread some seconds. */
const MAX_REVOCATION_FILE = 32 * 1024 * 1024;

export const resourceHost: ResourceHost = {
  readFile: (path) => Deno.readTextFile(path),
  resolve,
  localAddresses: () =>
    Deno.networkInterfaces().map(({ address }) => address.split("%")[0]!),
  sourceAddressWorks,
  async readRevocations(path, authorities) {
    const { size } = await Deno.stat(path);
    if (size > MAX_REVOCATION_FILE) {
      throw new RevocationError("larger than 32 MiB");
    }
    return readRevocationLists(
      await Deno.readFile(path),
      authorities ?? readTrustRoots(processEnv),
    );
  },
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
