/** A running process as one that may be taken over from, and as one that has been. */
import type { MappingStore } from "../../store/store.ts";
import { ControlError } from "../api.ts";
import { endInWorkers, evictInWorkers } from "../everywhere.ts";
import type { AdminFacility } from "../live/admin_facility.ts";
import type { InForce } from "../live/in_force.ts";
import type { LiveConfiguration } from "../live/live_configuration.ts";
import type { RuntimeFacility } from "../live/runtime_facility.ts";
import type { Overrides } from "../overrides/overrides.ts";
import type { Parts } from "../parts.ts";
import { Leaving } from "./leaving.ts";
import type {
  CarriedCommand,
  CarriedRequest,
  CarriedResponse,
  Estate,
  Inheritance,
  SharedPort,
} from "./messages.ts";
import { startAnew } from "./start_anew.ts";
import { type Heir, Succession } from "./succession.ts";

export interface HandoverHost {
  readonly parts: Parts;
  readonly live: LiveConfiguration;
  readonly inForce: InForce;
  readonly overrides: Overrides;
  readonly admin: AdminFacility;
  readonly runtime: RuntimeFacility;
  /** The configuration file. */
  readonly file: string;
  isStopping(): boolean;
  reopenStore(): Promise<MappingStore>;
  /** Drain, now that another process serves; `leavePorts` stops accepting. */
  leave(leavePorts: () => Promise<void>): void;
}

export class Handover {
  readonly succession: Succession;
  readonly #leaving: Leaving;
  #ports: readonly SharedPort[] = [];

  constructor(private readonly host: HandoverHost) {
    const { parts, live, inForce, admin, runtime } = host;
    const { sockets } = runtime;
    this.#leaving = new Leaving({
      parts,
      reopen: () => host.reopenStore(),
      reconfigure: () => parts.configure(inForce.served!),
      async closeDoors() {
        sockets.leavePorts();
        await admin.close();
      },
    });
    this.succession = new Succession({
      log: parts.log,
      gate: parts.gate,
      refusal: () => this.#refusal(),
      exclusively: (job) => live.exclusively(job),
      settled: () => parts.predecessors.allLeft(),
      addresses: () => [
        ...inForce.binds!.all(),
        ...admin.door ? [admin.door.address] : [],
        ...sockets.ports(),
      ],
      inheritance: (ports) => this.#inheritance(ports),
      estate: () => this.#estate(),
      stepAside: () => sockets.stepAside(),
      stepBack: () => sockets.stepBack(),
      taken: (heir) => this.#taken(heir),
      adopted: (heir) => this.#leaving.follow(heir),
      remaining: {
        async invalidate({ identifiers }) {
          for (const each of identifiers ?? [null]) {
            parts.resolver.invalidate(each);
          }
          await parts.supervisor.ask("invalidate", { identifiers });
          return null;
        },
        kick: ({ target, reason }) => endInWorkers(parts, target, reason),
        evict: ({ moved }) => evictInWorkers(parts, moved),
        async hold({ identifier, seconds }) {
          await parts.hold(identifier, seconds);
          return null;
        },
        async sessions(filter) {
          await parts.supervisor.ask("flush", null);
          return parts.registry.list(filter);
        },
      },
    });
  }

  /** Start the program anew with the same file, and let it take over. Throws ControlError. */
  async upgrade(): Promise<number> {
    const { file, inForce } = this.host;
    const socket = inForce.served!.config.runtime.socket.find((each) =>
      each.expose_listeners && each.path !== undefined
    );
    if (!socket) {
      throw new ControlError(
        "conflict",
        "no [[runtime.socket]] has a path and expose_listeners = true",
      );
    }
    return await this.succession.upgrade(() => startAnew(socket.path!, file));
  }

  async carryRequest(request: CarriedRequest): Promise<CarriedResponse> {
    try {
      return await this.#leaving.heir.port.call("request", request);
    } catch (error) {
      const body = btoa(`${(error as Error).message}\n`);
      return { status: 503, headers: [], body };
    }
  }

  /** Throws ControlError. */
  async carryCommand(command: CarriedCommand): Promise<string> {
    try {
      return await this.#leaving.heir.port.call("command", command);
    } catch (error) {
      throw new ControlError("failed", (error as Error).message);
    }
  }

  close(): void {
    this.#leaving.close();
  }

  #refusal(): string | null {
    if (this.host.isStopping()) return "it is stopping";
    return this.host.live.document() === null
      ? "it has no configuration loaded"
      : null;
  }

  #inheritance(ports: readonly SharedPort[]): Inheritance {
    const { parts, live, inForce, overrides, admin } = this.host;
    const { door } = admin;
    const isChanged = live.difference().length > 0;
    this.#ports = ports;
    return {
      pid: Deno.pid,
      binds: inForce.binds!.entries(),
      admin: door && { bind: door.bind, port: door.address.port },
      ports,
      changed: isChanged ? { document: live.document()! } : null,
      overrides: overrides.save(),
      old: parts.predecessors.list(),
    };
  }

  #estate(): Estate {
    const { breakers, holds, limits } = this.host.parts;
    return {
      breakers: breakers.save(),
      holds: holds.current(),
      failures: limits.saveFailures(),
    };
  }

  #taken(heir: Heir): void {
    this.#leaving.follow(heir);
    this.host.leave(() => this.#leaving.ports(heir, this.#ports));
  }
}
