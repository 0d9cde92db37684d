import { forgetHere } from "../everywhere.ts";
import { isDeepStrictEqual } from "node:util";
import type { Env } from "../../config/environment.ts";
import { mappingTargetFault } from "../../config/mapping_targets.ts";
import type { Config } from "../../config/schema.ts";
import { readTrustRoots } from "../../net/trust_roots.ts";
import { SharedTimers } from "../../observe/shared_timers.ts";
import type { Log } from "../../observe/log.ts";
import { normalizeIdentifier } from "../../route/identifier.ts";
import { openMappingStore } from "../../store/open.ts";
import type { RemoteEvents } from "../../store/remote/source.ts";
import { type MappingStore, StoreError } from "../../store/store.ts";
import type { Parts } from "../parts.ts";
import {
  type Coming,
  type Facility,
  type Prepared,
  unchanged,
} from "./facility.ts";

/** Whose destinations a store may name: it outlives configurations. */
interface Targets {
  config: Config;
}

/** A store that is open, and what it has to know of the configuration in force. */
export interface OpenedStore {
  readonly store: MappingStore;
  readonly targets: Targets;
}

/**
 * Open the store of a configuration; one in another program whether it answers or not. `parts` are
 * those that serve, once there are any. Throws StoreError for a file that cannot be read.
 */
export async function openStore(
  config: Config,
  env: Env,
  log: Log,
  parts: () => Parts,
): Promise<OpenedStore> {
  const { mapping } = config;
  const targets = { config };
  const store = await openMappingStore(mapping, {
    normalize: (identifier) =>
      normalizeIdentifier(identifier, mapping.normalize),
    checkDestination: (name) => mappingTargetFault(targets.config)(name),
    warn: (message) => log.warn("mapping_warning", { problem: message }),
    lookupTimeout: () => targets.config.mapping.lookup_timeout,
    trustRoots: () => readTrustRoots(env),
    events: remoteEvents(mapping.source, log, parts),
    clock: new SharedTimers(),
  });
  return { store, targets };
}

function remoteEvents(
  source: MappingStore["source"],
  log: Log,
  parts: () => Parts,
): RemoteEvents {
  return {
    down: (problem) => log.error("store_down", { source, reason: problem }),
    up() {
      log.info("store_up", { source });
      parts().resolver.storeIsBack();
      void forgetHere(parts(), null);
    },
    ...requestEvents(parts),
  };
}

/** Requests to a store in the metrics. */
export function requestEvents(
  parts: () => Pick<Parts, "metrics">,
): Pick<RemoteEvents, "answered" | "failed"> {
  return {
    answered: (operation, after) =>
      parts().metrics.observe(
        "store_request_duration_seconds",
        after / 1000,
        operation,
      ),
    failed: (operation, reason) =>
      parts().metrics.add("store_errors", 1, operation, reason),
  };
}

/** The mapping store of the configuration in force. */
export class StoreFacility implements Facility {
  constructor(
    private readonly parts: Parts,
    private readonly env: Env,
    private opened: OpenedStore,
  ) {}

  async prepare({ served: { config }, reread }: Coming): Promise<Prepared> {
    if (isSameStore(this.opened.targets.config, config)) {
      return unchanged(() => this.#keep(config, reread));
    }
    const next = await openStore(
      config,
      this.env,
      this.parts.log,
      () => this.parts,
    );
    // At the start nothing better is served; here what was there before is.
    const { serving, problem } = next.store.health();
    if (!serving) {
      await next.store.close();
      throw new StoreError(
        "unavailable",
        `the mapping store cannot be asked: ${problem}`,
      );
    }
    return {
      commit: () => this.#replace(next),
      abort: () => next.store.close(),
    };
  }

  /** Where it cannot be read, what is known of it stays. */
  async #keep(config: Config, reread: boolean): Promise<void> {
    const { store, targets } = this.opened;
    targets.config = config;
    if (!reread) return;
    const { log, resolver } = this.parts;
    try {
      await store.reload();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      log.error("mappings_not_reloaded", { reason: error.message });
    }
    resolver.outdate(null);
  }

  async #replace(next: OpenedStore): Promise<void> {
    const { store: old } = this.opened;
    this.opened = next;
    // The resolver is given it with the configuration, and forgets what the old one said.
    this.parts.store = next.store;
    await old.close();
  }
}

function isSameStore({ mapping: a }: Config, { mapping: b }: Config): boolean {
  return a.source === b.source && a.normalize === b.normalize &&
    isDeepStrictEqual(a[a.source], b[b.source]);
}
