import { RuntimeSockets } from "../../runtime/sockets.ts";
import type { RuntimeControl } from "../api_runtime.ts";
import type { AuditLog } from "../audit_log.ts";
import type { Parts } from "../parts.ts";
import type { Coming, Facility, Prepared } from "./facility.ts";

/** `[[runtime.socket]]`: where commands are taken. */
export class RuntimeFacility implements Facility {
  readonly #sockets: RuntimeSockets;

  constructor({ log }: Parts, control: RuntimeControl, audit: AuditLog) {
    this.#sockets = new RuntimeSockets({
      control,
      audit: (entry) => audit.record(entry),
      log: (line) => log.write(line),
    });
  }

  prepare({ served: { config } }: Coming): Promise<Prepared> {
    return this.#sockets.prepare(config.runtime.socket);
  }

  /** Takes no more commands. */
  close(): void {
    this.#sockets.close();
  }
}
