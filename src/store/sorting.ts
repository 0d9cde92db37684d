const RUN = 4096;

/** Strings in ascending order without repetition; gives the event loop a turn every few milliseconds. */
export async function sortInTurns(strings: string[]): Promise<string[]> {
  let runs: string[][] = [];
  for (let start = 0; start < strings.length; start += RUN) {
    runs.push(strings.slice(start, start + RUN).sort());
    await turn();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const left = runs[i] as string[];
      const right = runs[i + 1];
      merged.push(right ? await mergeInTurns(left, right) : left);
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function mergeInTurns(
  left: readonly string[],
  right: readonly string[],
): Promise<string[]> {
  const out: string[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    out.push(
      (left[l] as string) <= (right[r] as string)
        ? left[l++] as string
        : right[r++] as string,
    );
    if (out.length % RUN === 0) await turn();
  }
  while (l < left.length) out.push(left[l++] as string);
  while (r < right.length) out.push(right[r++] as string);
  return out;
}

/** Index of the first element greater than `value`. */
export function upperBound(sorted: readonly string[], value: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Lets everything else that is due run first. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
