import type { Left, Mapped, MoveGround } from "./relocation.ts";

type Store = Pick<MoveGround, "read" | "write" | "recovered">;

/**
 * After a write of `wanted` that failed, perhaps half-way: give those that have it back what they had
 * `before`. A store that has gone away is waited for. Never rejects; what cannot be found out or put right is "unknown".
 */
export async function putBack(
  store: Store,
  before: Mapped,
  wanted: Mapped,
): Promise<ReadonlyMap<string, Left>> {
  const found = await read(store, [...before.keys()]);
  const written = [...found].filter(([account, is]) =>
    is === wanted.get(account) && is !== before.get(account)
  ).map(([account]) => account);
  let after: Mapped = found;
  if (written.length > 0) {
    const changes = new Map(
      written.map((account) => [account, before.get(account) ?? null]),
    );
    // Whether it came to anything is seen by reading.
    await store.write(changes).catch(() => {});
    after = new Map([...found, ...await read(store, written)]);
  }
  const wasWritten = new Set(written);
  return new Map(
    [...before].map(([account, was]): [string, Left] => {
      const now = after.get(account);
      if (now === undefined) return [account, { result: "unknown" }];
      if (now === was) {
        const result = wasWritten.has(account) ? "put-back" : "not-moved";
        return [account, { result }];
      }
      return [account, {
        result: now === wanted.get(account) ? "unknown" : "overtaken",
        now,
      }];
    }),
  );
}

/** It may go away while it is read, too. */
const ATTEMPTS = 2;

/** Nothing of those that cannot be read. */
async function read(
  store: Store,
  accounts: readonly string[],
): Promise<Mapped> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await store.recovered();
    try {
      return await store.read(accounts);
    } catch {
      // Tried again, or given up.
    }
  }
  return new Map();
}
