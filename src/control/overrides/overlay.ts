import type { Resources } from "../../config/resources.ts";
import type {
  Config,
  DestinationConfig,
  LegConfig,
  ListenerConfig,
} from "../../config/schema.ts";
import { legName } from "../../port/leg_name.ts";
import type { ProtocolName } from "../../port/snapshot.ts";
import {
  type Caps,
  type LegAdminState,
  NO_CAPS,
  type Served,
} from "../served.ts";

/** A configuration that is being changed by overrides; the one it began with stays as it is. */
export class Overlay implements Served {
  config: Config;
  resources: Resources;
  readonly stopped = new Set<string>();
  readonly legStates = new Map<string, LegAdminState>();
  caps: Caps = NO_CAPS;

  constructor(config: Config, resources: Resources) {
    this.config = config;
    this.resources = resources;
  }

  listener(name: string, changes: Partial<ListenerConfig>): void {
    const { listener } = this.config;
    const changed = { ...listener[name]!, ...changes };
    this.config = {
      ...this.config,
      listener: withMember(listener, name, changed),
    };
  }

  destination(name: string, changes: Partial<DestinationConfig>): void {
    const { destination } = this.config;
    const changed = { ...destination[name]!, ...changes };
    this.config = {
      ...this.config,
      destination: withMember(destination, name, changed),
    };
  }

  leg(
    name: string,
    protocol: ProtocolName,
    changes: Partial<LegConfig>,
  ): void {
    const legs = this.config.destination[name]!.protocol;
    const changed = { ...legs[protocol]!, ...changes };
    this.destination(name, { protocol: { ...legs, [protocol]: changed } });
  }

  legState(name: string, protocol: ProtocolName, state: LegAdminState): void {
    const key = legName(name, protocol);
    if (state === "ready") this.legStates.delete(key);
    else this.legStates.set(key, state);
  }
}

/** Names are an operator's, so the table has no prototype, as the loader's has none. */
function withMember<T>(
  table: Readonly<Record<string, T>>,
  name: string,
  value: T,
): Record<string, T> {
  return Object.assign(Object.create(null), table, { [name]: value });
}
