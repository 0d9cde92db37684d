/** How late an event loop is: everything that a thread does waits as long. */

const LOOK_MS = 1000;

/** Tells, each second, by how many ms the thread came later than it should; the answer stops it. */
export function watchLoop(tell: (lag: number) => void): () => void {
  let due = performance.now() + LOOK_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    tell(Math.max(0, now - due));
    due = now + LOOK_MS;
  }, LOOK_MS);
  return () => clearInterval(timer);
}
