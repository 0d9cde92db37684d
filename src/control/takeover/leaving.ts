/** What becomes of a process that was taken over from. */
import { steer } from "../../net/reuseport.ts";
import type { MappingStore } from "../../store/store.ts";
import type { Parts } from "../parts.ts";
import type { SharedPort } from "./messages.ts";
import { SuccessorStore } from "./successor_store.ts";
import type { Heir } from "./succession.ts";

/**
 * A client far away takes so long at most to finish the handshake that it has begun here, and what it
 * asked of the management API is answered by then.
 */
const LINGER_MS = 2000;

/** How often the process that took over hears how many connections there are still. */
const COUNT_MS = 500;

/** What leaving needs of the daemon. */
export interface LeavingHost {
  readonly parts: Parts;
  /** Open the mappings anew, where the process that took over is gone. Throws StoreError. */
  reopen(): Promise<MappingStore>;
  /** Give the parts their settings again, and the store. */
  reconfigure(): void;
  /** Stop answering on shared ports beside those of the listeners. */
  closeDoors(): Promise<void>;
}

/** The process that took over, or the one that took over from that, or nobody any more. */
export class Leaving {
  #heirs: Heir[] = [];
  #counting: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly host: LeavingHost) {}

  /** Who is asked now: the latest that is there. Throws when nobody is. */
  get heir(): Heir {
    const heir = this.#heirs.at(-1);
    if (heir) return heir;
    throw new Error("the process that took over is gone");
  }

  /** From now on mappings are looked up there. */
  follow(heir: Heir): void {
    const { parts } = this.host;
    this.#heirs.push(heir);
    if (this.#heirs.length === 1) {
      const { store } = parts;
      this.#use(
        new SuccessorStore(
          store.source,
          (identifier) => this.heir.port.call("lookup", { identifier }),
        ),
      );
      void store.close();
    } else parts.resolver.invalidate(null);
    this.#counting ??= setInterval(() => void this.count(), COUNT_MS);
    // On the line before the answer, and so known there before the first connection is taken.
    this.#tell();
    void heir.gone.then(() => this.#lose(heir));
  }

  /** Let new connections go by, then close what is left of the shared ports. */
  async ports(heir: Heir, ports: readonly SharedPort[]): Promise<void> {
    const { parts } = this.host;
    await heir.steered;
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    await this.host.closeDoors();
    // One place behind all that go stays the new process's until the last of them is closed.
    steer(ports.map(({ address, sockets }) => ({
      address,
      from: sockets,
      count: 1,
    })));
    await parts.supervisor.drain({ part: false });
    heir.port.notify("left", null);
  }

  /** Tell how many connections there are by listener. */
  async count(): Promise<void> {
    const { supervisor } = this.host.parts;
    await supervisor.ask("flush", null);
    this.#tell();
  }

  close(): void {
    clearInterval(this.#counting);
  }

  #tell(): void {
    const { registry } = this.host.parts;
    this.#heirs.at(-1)?.port.notify("counts", registry.countsByListener());
  }

  #lose(heir: Heir): void {
    this.#heirs = this.#heirs.filter((each) => each !== heir);
    if (this.#heirs.length > 0) return;
    const { parts } = this.host;
    parts.log.warn("successor_gone", { pid: heir.pid });
    this.host.reopen().then(
      (store) => this.#use(store),
      (error: Error) =>
        parts.log.error("mappings_not_opened", { reason: error.message }),
    );
  }

  #use(store: MappingStore): void {
    this.host.parts.store = store;
    this.host.reconfigure();
  }
}
