import {
  type AdminServer,
  type AdminSettings,
  startAdmin,
} from "../../admin/server.ts";
import { parseEndpoint } from "../../config/scalars.ts";
import { formatEndpoint } from "../../net/address.ts";
import type { ControlPlane } from "../api.ts";
import type { AuditLog } from "../audit_log.ts";
import { bindNamed } from "../binds.ts";
import type { Parts } from "../parts.ts";
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

/** `[admin]`: the management API. */
export class AdminFacility implements Facility {
  #door: Door | null = null;

  constructor(
    private readonly parts: Parts,
    private readonly control: ControlPlane,
    private readonly audit: AuditLog,
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

  /** Stops accepting and waits for the requests under way. */
  async close(): Promise<void> {
    await this.#door?.server.close();
  }

  #open(bind: string, settings: AdminSettings): Door {
    const { log, shorten } = this.parts;
    const server = bindNamed(`admin: cannot bind ${bind}`, () =>
      startAdmin({
        bind: parseEndpoint(bind)!,
        shares: this.#door?.server.address.port,
        control: this.control,
        log: (line) => log.write(line),
        audit: this.audit,
        shorten,
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
