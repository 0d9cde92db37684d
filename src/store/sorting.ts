/** The entries of runs that are in ascending order of their keys, in this order; no key is in two of them. */
export function* mergeRuns<T>(
  runs: readonly Iterator<[string, T]>[],
): Generator<[string, T]> {
  const heap: Head<T>[] = [];
  for (const run of runs) {
    const { done, value } = run.next();
    if (!done) heap.push({ run, entry: value });
  }
  // What is in ascending order is a heap.
  heap.sort((a, b) => a.entry[0] < b.entry[0] ? -1 : 1);
  while (heap.length > 0) {
    const first = heap[0]!;
    yield first.entry;
    const { done, value } = first.run.next();
    const last = done ? heap.pop()! : first;
    if (!done) first.entry = value;
    if (heap.length > 0) sink(heap, last);
  }
}

/** A run and the first of its entries that is left. */
interface Head<T> {
  readonly run: Iterator<[string, T]>;
  entry: [string, T];
}

/** Puts this one in the place of the first of a heap, and in order. */
function sink<T>(heap: Head<T>[], head: Head<T>): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right && right.entry[0] < heap[child]!.entry[0]) child++;
    if (head.entry[0] <= heap[child]!.entry[0]) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = head;
}

/** The first of the numbers below `count` for which this is true, or `count`; true for all behind one. */
export function firstWhere(
  count: number,
  is: (index: number) => boolean,
): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (is(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
