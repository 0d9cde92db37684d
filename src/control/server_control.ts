import { endHere } from "./everywhere.ts";
import type { Config } from "../config/schema.ts";
import { legName } from "../port/leg_name.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import { ControlError } from "./api.ts";
import type { OverrideChange, OverrideControl } from "./api_overrides.ts";
import type { FrontendState, ServerControl } from "./api_servers.ts";
import { serverLegs } from "./overrides/kinds.ts";
import type { Parts } from "./parts.ts";
import type { LegAdminState } from "./served.ts";

interface Server {
  readonly destination: string;
  readonly legs: readonly ProtocolName[];
  /** The whole destination is meant, and not one leg. */
  readonly isWhole: boolean;
}

/** Servers and listeners as overrides of the configuration, and what follows from them at once. */
export class Servers implements ServerControl {
  constructor(
    private readonly parts: Pick<
      Parts,
      "supervisor" | "predecessors" | "breakers"
    >,
    private readonly overrides: OverrideControl,
    /** The configuration in force, with what was set at run time. */
    private readonly served: () => Config,
  ) {}

  async setState(
    server: string,
    state: LegAdminState,
    by: string,
  ): Promise<number> {
    const { destination, legs, isWhole } = this.#find(server);
    // What was said of single legs before must not outlive what is said of all.
    const below: OverrideChange[] = isWhole
      ? legs.map((leg) => cleared("server-state", legName(destination, leg)))
      : [];
    const wholeIsReady = isWhole ||
      this.overrides.get("server-state", destination) === undefined;
    const value = state === "ready" && wholeIsReady ? undefined : state;
    await this.overrides.change(
      [...below, { kind: "server-state", key: server, value }],
      by,
    );
    if (state !== "maint") return 0;
    const target = { destination, protocol: isWhole ? null : legs[0]! };
    return await endHere(this.parts, target, "kicked");
  }

  setHealth(server: string, health: "up" | "down"): void {
    const { destination, legs } = this.#find(server);
    for (const leg of legs) {
      this.parts.breakers.force(destination, leg, health);
    }
  }

  async setAddress(
    server: string,
    address: { readonly host: string; readonly port?: number } | null,
    by: string,
  ): Promise<void> {
    const kind = "server-address";
    const { destination, legs, isWhole } = this.#find(server);
    if (address === null) {
      const keys = isWhole
        ? [destination, ...legs.map((leg) => legName(destination, leg))]
        : [server];
      const changes = keys.map((key) => cleared(kind, key));
      return await this.overrides.change(changes, by);
    }
    const { host, port } = address;
    const isOther = host !== this.served().destination[destination]!.host;
    if (isOther && !isWhole) {
      throw new ControlError(
        "invalid",
        `all legs of ${destination} are on one host: set that of ${destination}`,
      );
    }
    if (port !== undefined && legs.length !== 1) {
      throw new ControlError(
        "invalid",
        legs.length === 0
          ? `${destination} has no legs whose port could be set`
          : `${destination} has several legs: set the port of one, such as ${
            legName(destination, legs[0]!)
          }`,
      );
    }
    await this.overrides.change([
      ...isOther ? [{ kind, key: destination, value: { host } }] : [],
      ...port === undefined
        ? []
        : [{ kind, key: legName(destination, legs[0]!), value: { port } }],
    ], by);
  }

  async setFrontend(
    listener: string,
    state: FrontendState,
    by: string,
  ): Promise<void> {
    const kind = "frontend";
    if (!Object.hasOwn(this.served().listener, listener)) {
      throw new ControlError("unknown", `there is no listener ${listener}`);
    }
    // HAProxy's "shutdown frontend" is final; here it is what its override says, which can be cleared.
    if (state !== "shut" && this.overrides.get(kind, listener) === "shut") {
      throw new ControlError(
        "conflict",
        `listener ${listener} was shut down: clear its override to have it again`,
      );
    }
    const value = state === "enabled" ? undefined : state;
    await this.overrides.change([{ kind, key: listener, value }], by);
  }

  async setMaxConnections(
    listener: string | null,
    most: number,
    by: string,
  ): Promise<void> {
    const value = most === 0 ? undefined : most;
    const change = listener === null
      ? { kind: "maxconn-global", key: "global", value }
      : { kind: "maxconn", key: listener, value };
    await this.overrides.change([change], by);
  }

  async setRateLimit(
    of: "connections" | "logins",
    perSecond: number,
    by: string,
  ): Promise<void> {
    const value = perSecond === 0 ? undefined : perSecond;
    await this.overrides.change([{ kind: "rate-limit", key: of, value }], by);
  }

  #find(server: string): Server {
    const found = serverLegs(this.served(), server);
    if (found) return { ...found, isWhole: server === found.destination };
    throw new ControlError("unknown", `there is no server ${server}`);
  }
}

function cleared(kind: string, key: string): OverrideChange {
  return { kind, key, value: undefined };
}
