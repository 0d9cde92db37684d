import type { ControlNotices, ControlRequests } from "../port/messages.ts";

/** How many unused slots of a listener are asked for beyond the need, and kept. */
const SPARE = 16;

/** What the lease needs of the worker's port. */
export interface SlotPort {
  call(
    name: "slots",
    argument: ControlRequests["slots"]["in"],
  ): Promise<number>;
  notify(name: "slotsBack", argument: ControlNotices["slotsBack"]): void;
}

type Waiter = (admitted: boolean) => void;

interface Holding {
  unused: number;
  /** False while the listener is nearly full: then a slot goes back the moment it is free. */
  roomy: boolean;
  waiting: Waiter[];
  asking: boolean;
}

/** This worker's part of each listener's connection slots. */
export class SlotLease {
  #holdings = new Map<string, Holding>();

  constructor(private readonly port: SlotPort) {}

  /** A slot for one connection; false: the listener is full. */
  take(listener: string): boolean | Promise<boolean> {
    const holding = this.#holding(listener);
    if (holding.unused > 0) {
      holding.unused--;
      return true;
    }
    return new Promise((resolve) => {
      holding.waiting.push(resolve);
      if (!holding.asking) void this.#ask(listener, holding);
    });
  }

  /** The connection that took a slot is over. */
  release(listener: string): void {
    const holding = this.#holding(listener);
    const next = holding.waiting.shift();
    if (next) return next(true);
    holding.unused++;
    if (!holding.roomy) this.#giveBack(listener, holding, holding.unused);
    else if (holding.unused > 2 * SPARE) {
      this.#giveBack(listener, holding, holding.unused - SPARE);
    }
  }

  /** All unused slots, for others; answers the `reclaimSlots` request. */
  reclaim(listener: string): number {
    const holding = this.#holdings.get(listener);
    if (!holding) return 0;
    const { unused } = holding;
    holding.unused = 0;
    holding.roomy = false;
    return unused;
  }

  /** The listeners that there are from now on; of others nothing unused is kept. */
  configure(listeners: readonly string[]): void {
    for (const [listener, holding] of this.#holdings) {
      if (listeners.includes(listener)) continue;
      holding.roomy = false;
      this.#giveBack(listener, holding, holding.unused);
    }
  }

  async #ask(listener: string, holding: Holding): Promise<void> {
    holding.asking = true;
    while (holding.waiting.length > 0) {
      const asked = new Set(holding.waiting);
      const want = asked.size + SPARE;
      const granted = await this.port.call("slots", { listener, want })
        .catch(() => 0);
      const admitted = Math.min(granted, holding.waiting.length);
      for (const next of holding.waiting.splice(0, admitted)) next(true);
      if (granted === 0) refuse(holding, asked);
      holding.roomy = granted > admitted;
      holding.unused += granted - admitted;
    }
    holding.asking = false;
    if (!holding.roomy) this.#giveBack(listener, holding, holding.unused);
  }

  #giveBack(listener: string, holding: Holding, count: number): void {
    if (count === 0) return;
    holding.unused -= count;
    this.port.notify("slotsBack", { listener, count });
  }

  #holding(listener: string): Holding {
    let holding = this.#holdings.get(listener);
    if (!holding) {
      holding = { unused: 0, roomy: false, waiting: [], asking: false };
      this.#holdings.set(listener, holding);
    }
    return holding;
  }
}

/** Those who came while the answer was under way are not meant by it: a slot may be free for them. */
function refuse(holding: Holding, asked: ReadonlySet<Waiter>): void {
  const all = holding.waiting;
  holding.waiting = all.filter((waiter) => !asked.has(waiter));
  for (const waiter of all) if (asked.has(waiter)) waiter(false);
}
