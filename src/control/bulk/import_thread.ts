import { mappingTargetFault } from "../../config/mapping_targets.ts";
import type { Config } from "../../config/schema.ts";
import { trimMemory } from "../../net/libc.ts";
import { Port } from "../../port/port.ts";
import { requestEvents } from "../live/store_facility.ts";
import { recoveryOf } from "../moves/recovery.ts";
import type { CarryOut } from "./bulk.ts";
import { unbroken } from "./import_body.ts";
import type {
  ImportAsks,
  ImportOrders,
  ImportTells,
} from "./import_messages.ts";
import { Lending } from "./lending.ts";

/** The thread has put down its heap by then, ms: the C library keeps it otherwise. */
const GONE_MS = 1000;

/** No account has it. */
const NOBODY = "";

/**
 * An import in a thread of its own: its rows would hold up everybody whom the control plane answers. It
 * has its own connection to a store in another program. Rejects where the thread fails.
 */
export const importInThread: CarryOut = async (
  parts,
  { rows, signal, format, mode, dryRun },
  config,
  clock,
) => {
  const { store } = parts;
  const body = unbroken(rows, signal, clock);
  const lending = new Lending(
    store,
    (destination) => mappingTargetFault(config())(destination),
  );
  let given: Config = config();
  let back = Promise.resolve();
  const thread = new Worker(
    new URL("./import_worker.ts", import.meta.url),
    { type: "module", name: "import" },
  );
  const port = new Port<ImportOrders, unknown, ImportAsks, ImportTells>(
    thread,
    {
      ...lending.handlers,
      async body() {
        const { done, value: bytes } = await body.next();
        // What is written to the old one, nobody would see.
        if (parts.store !== store) {
          throw new Error("the configuration has another mapping store now");
        }
        if (done) return null;
        const now = config();
        const isOther = now !== given;
        given = now;
        return { bytes, config: isOther ? now : null };
      },
    },
    {
      // The control plane finds out by a lookup of its own, of nobody.
      down: () => void store.get(NOBODY).catch(() => {}),
      up: () => back = recoveryOf(parts, clock)(),
      answered: ({ operation, after }) => events.answered(operation, after),
      failed: ({ operation, reason }) => events.failed(operation, reason),
    },
  );
  const events = requestEvents(() => parts);
  thread.onerror = (event) => {
    event.preventDefault();
    port.close(`the thread of an import has failed: ${event.message}`);
  };
  try {
    const imported = await port.call("run", {
      task: { format, mode, dryRun },
      config: given,
      size: store.size,
    });
    // Whoever has the answer finds the store as the import has left it.
    await back;
    return imported;
  } finally {
    port.close("the import is over");
    thread.terminate();
    clock.after(GONE_MS, trimMemory);
    lending.end();
    void body.return(undefined).catch(() => {});
  }
};
