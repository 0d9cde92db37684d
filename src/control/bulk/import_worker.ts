/// <reference lib="deno.worker" />
/** Carries out one import, on a heap of its own and behind everything else that the process has to do. */
import { setPriority } from "node:os";
import { processEnv } from "../../config/environment.ts";
import { readTrustRoots } from "../../net/trust_roots.ts";
import { systemClock } from "../../observe/clock.ts";
import { Port } from "../../port/port.ts";
import { openRemoteStore } from "../../store/open.ts";
import type { RemoteEvents } from "../../store/remote/source.ts";
import type {
  ImportAsks,
  Imported,
  ImportJob,
  ImportOrders,
  ImportTells,
} from "./import_messages.ts";
import { Importing, type ImportStore } from "./importing.ts";
import { LentFileStore } from "./lent_file.ts";

/** Whoever logs in has a core before an import has, which gets a tenth of one all the same. */
const NICE = 10;

const port = new Port<ImportAsks, ImportTells, ImportOrders, unknown>(
  self,
  { run },
  {},
);

const events: RemoteEvents = {
  down: () => port.notify("down", null),
  up: () => port.notify("up", null),
  answered: (operation, after) => port.notify("answered", { operation, after }),
  failed: (operation, reason) => port.notify("failed", { operation, reason }),
};

async function run({ task, size, ...job }: ImportJob): Promise<Imported> {
  // Linux takes it for this thread alone: setpriority(2), BUGS.
  setPriority(0, NICE);
  let { config } = job;
  async function* body(): AsyncGenerator<Uint8Array> {
    let coming = port.call("body", null);
    for (;;) {
      const more = await coming;
      if (more === null) return;
      // What is next is on its way meanwhile. Nobody may come to wait for it.
      coming = port.call("body", null);
      coming.catch(() => {});
      config = more.config ?? config;
      yield more.bytes;
    }
  }
  const carry = (store: ImportStore) =>
    new Importing(store, () => config, task, body(), systemClock).run();
  if (config.mapping.source === "file") {
    return await carry(new LentFileStore(port, size!));
  }
  const store = await openRemoteStore(config.mapping, {
    warn() {},
    lookupTimeout: () => config.mapping.lookup_timeout,
    trustRoots: () => readTrustRoots(processEnv),
    events,
    clock: systemClock,
  });
  try {
    return await carry(store);
  } finally {
    await store.close();
  }
}
