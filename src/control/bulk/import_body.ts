import type { Clock } from "../../observe/clock.ts";

/** Who sends nothing for so long, ms, sends nothing any more. */
const SILENT_MS = 60_000;

/** What comes of a body. Throws where it does not end as it should, or nothing comes for long. */
export async function* unbroken(
  rows: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const reader = rows.getReader();
  let reason: string | null = null;
  const end = (why: string) => {
    reason ??= why;
    void reader.cancel().catch(() => {});
  };
  const abort = () => end((signal.reason as Error).message);
  signal.addEventListener("abort", abort, { once: true });
  // The thread that asks for it takes a while to start.
  if (signal.aborted) abort();
  try {
    for (;;) {
      const cancel = clock.after(
        SILENT_MS,
        () => end(`nothing came for ${SILENT_MS / 1000} s`),
      );
      const next = await reader.read().finally(cancel);
      if (reason !== null) throw new Error(reason);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    reader.releaseLock();
  }
}
