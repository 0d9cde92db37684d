import type { SessionFilter, SessionView } from "./api.ts";
import type { Parts } from "./parts.ts";

/** Those of this proxy, as of now, with those of older processes. `filter` has a normalized identifier. */
export async function sessionsHere(
  { supervisor, registry, predecessors }: Parts,
  filter: SessionFilter,
): Promise<readonly SessionView[]> {
  const [older] = await Promise.all([
    predecessors.sessions(filter),
    supervisor.ask("flush", null),
  ]);
  return [...registry.list(filter), ...older];
}
