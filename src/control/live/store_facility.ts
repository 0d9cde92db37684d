import { isDeepStrictEqual } from "node:util";
import { mappingTargetFault } from "../../config/mapping_targets.ts";
import type { Config } from "../../config/schema.ts";
import type { Log } from "../../observe/log.ts";
import { normalizeIdentifier } from "../../route/identifier.ts";
import { FileStore } from "../../store/file.ts";
import type { MappingStore } from "../../store/store.ts";
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

/** The schema admits only what there is a store for; others are refused as not available. Throws StoreError. */
export async function openStore(
  config: Config,
  log: Log,
): Promise<OpenedStore> {
  const { normalize, file } = config.mapping;
  const targets = { config };
  const store = await FileStore.open({
    path: file!.path,
    normalize: (identifier) => normalizeIdentifier(identifier, normalize),
    checkDestination: (name) => mappingTargetFault(targets.config)(name),
    warn: (message) => log.warn("mapping_warning", { problem: message }),
  });
  return { store, targets };
}

/** The mapping store of the configuration in force. */
export class StoreFacility implements Facility {
  constructor(
    private readonly parts: Parts,
    private opened: OpenedStore,
  ) {}

  async prepare({ served: { config }, reread }: Coming): Promise<Prepared> {
    if (isSameStore(this.opened.targets.config, config)) {
      return unchanged(() => this.#keep(config, reread));
    }
    const next = await openStore(config, this.parts.log);
    return {
      commit: () => this.#replace(next),
      abort: () => next.store.close(),
    };
  }

  /** Where the file was changed since it was validated, the mappings before it stay, and the store's health says so. */
  async #keep(config: Config, reread: boolean): Promise<void> {
    const { store, targets } = this.opened;
    targets.config = config;
    if (!reread) return;
    await store.reload().catch((error: Error) =>
      this.parts.log.error("mappings_not_reloaded", { reason: error.message })
    );
    this.parts.resolver.invalidate(null);
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
