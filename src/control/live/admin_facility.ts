import {
  type AdminServer,
  type AdminSettings,
  startAdmin,
} from "../../admin/server.ts";
import { type Detour, openRequest, packResponse } from "../../admin/detour.ts";
import { parseEndpoint } from "../../config/scalars.ts";
import { formatEndpoint } from "../../net/address.ts";
import type { SocketAddress } from "../../port/snapshot.ts";
import type { ControlPlane } from "../api.ts";
import type { AuditLog } from "../audit_log.ts";
import { bindNamed } from "../binds.ts";
import type { Parts } from "../parts.ts";
import type {
  CarriedRequest,
  CarriedResponse,
  Inheritance,
} from "../takeover/messages.ts";
import {
  type Coming,
  type Facility,
  type Prepared,
  unchanged,
} from "./facility.ts";

/** The management API's listener, and the address of the configuration that it was bound by. */
interface Door {
  readonly bind: string;
  readonly server: AdminServer;
}

const NO_DOOR: CarriedResponse = {
  status: 503,
  headers: [],
  body: btoa("the process that took over has no management API\n"),
};

/** `[admin]`: the management API. */
export class AdminFacility implements Facility {
  #door: Door | null = null;

  constructor(
    private readonly parts: Parts,
    private readonly control: ControlPlane,
    private readonly audit: AuditLog,
    private readonly detour: Detour,
    /** A port that another process holds, which is about to be ours. */
    private readonly inherited: Inheritance["admin"] = null,
  ) {}

  // deno-lint-ignore require-await -- one of several, and others wait
  async prepare(coming: Coming): Promise<Prepared> {
    const { config: { admin }, resources } = coming.served;
    if (!admin) return unchanged(() => this.#use(null));
    const settings: AdminSettings = {
      ...coming.certificate,
      tokens: resources.adminTokens,
      lockoutThreshold: admin.lockout_threshold,
      lockoutDuration: admin.lockout_duration,
    };
    if (this.#door?.bind === admin.bind) {
      return unchanged(() => this.#door?.server.configure(settings));
    }
    const door = this.#open(admin.bind, settings);
    return {
      commit: () => this.#use(door),
      abort: () => void door.server.close(),
    };
  }

  /** Where it is bound, and by which address of the configuration; null where there is none. */
  get door(): { bind: string; address: SocketAddress } | null {
    if (!this.#door) return null;
    const { bind, server } = this.#door;
    return { bind, address: server.address };
  }

  /** Answer a request that another process was sent. */
  async answer(carried: CarriedRequest): Promise<CarriedResponse> {
    const server = this.#door?.server;
    if (!server) return NO_DOOR;
    const request = openRequest(carried);
    return await packResponse(await server.answer(request, carried.peer));
  }

  /** Stops accepting and waits for the requests under way. */
  async close(): Promise<void> {
    await this.#door?.server.close();
  }

  #open(bind: string, settings: AdminSettings): Door {
    const { log, shorten } = this.parts;
    const { inherited } = this;
    const wanted = parseEndpoint(bind)!;
    const own = this.#door?.server.address.port;
    const given = !this.#door && inherited?.bind === bind
      ? inherited.port
      : null;
    const server = bindNamed(`admin: cannot bind ${bind}`, () =>
      startAdmin({
        bind: { ...wanted, port: given ?? wanted.port },
        shares: given ?? own,
        control: this.control,
        log: (line) => log.write(line),
        audit: this.audit,
        shorten,
        detour: this.detour,
      }, settings));
    return { bind, server };
  }

  #use(door: Door | null): void {
    const old = this.#door;
    this.#door = door;
    // Not awaited: the request that asked for the change is one that the old one finishes.
    void old?.server.close();
    if (!door) return;
    const { hostname, port } = door.server.address;
    const address = formatEndpoint(hostname, port);
    this.parts.log.info("admin_listening", { address });
  }
}
