import { RuntimeSockets } from "../../runtime/sockets.ts";
import type { TakeoverEnd } from "../../runtime/takeover_end.ts";
import type { RuntimeControl } from "../api_runtime.ts";
import type { AuditLog } from "../audit_log.ts";
import type { Parts } from "../parts.ts";
import type { Coming, Facility, Prepared } from "./facility.ts";

/** `[[runtime.socket]]`: where commands are taken. */
export class RuntimeFacility implements Facility {
  readonly #sockets: RuntimeSockets;

  /** `succeeding`: another process answers at the same addresses until `settleIn`. */
  constructor(
    { log }: Parts,
    control: RuntimeControl,
    audit: AuditLog,
    takeover: TakeoverEnd,
    succeeding: boolean,
  ) {
    this.#sockets = new RuntimeSockets({
      control,
      audit: (entry) => audit.record(entry),
      log: (line) => log.write(line),
      takeover,
    }, succeeding);
  }

  prepare({ served: { config } }: Coming): Promise<Prepared> {
    return this.#sockets.prepare(config.runtime.socket);
  }

  get sockets(): Pick<
    RuntimeSockets,
    "settleIn" | "execute" | "stepAside" | "stepBack" | "ports" | "leavePorts"
  > {
    return this.#sockets;
  }

  /** Takes no more commands. */
  close(): void {
    this.#sockets.close();
  }
}
