/** What another proxy asks of this one, and what this one does then. */
import { z } from "zod";
import type { Request } from "../../cluster/owed.ts";
import type { ClusterRequests } from "../api_cluster.ts";
import { endHere, evictHere, holdHere, renewHere } from "../everywhere.ts";
import type { Parts } from "../parts.ts";
import { sessionsHere } from "../sessions_here.ts";

/** Sessions that one proxy lists for another: it has to hold all of them at once. */
const MOST_SESSIONS = 10_000;

type Name = keyof ClusterRequests;
type Handler<K extends Name> = (
  parts: Parts,
  argument: ClusterRequests[K]["in"],
) => Promise<ClusterRequests[K]["out"]>;

const identifier = z.string().min(1).max(1000);

/** Messages come from whoever may write to the bus, and from other versions. */
const ARGUMENTS = {
  forget: z.object({
    identifiers: z.array(identifier).nullable(),
    changed: z.boolean(),
  }),
  kick: z.object({
    target: z.union([
      z.strictObject({ account: identifier }),
      z.strictObject({ session: z.string() }),
    ]),
    reason: z.enum(["kicked", "moved"]),
  }),
  evict: z.object({
    moved: z.array(z.object({ account: identifier, destination: z.string() })),
  }),
  hold: z.object({ identifier, seconds: z.number() }),
  pin: z.object({ id: z.string(), identifiers: z.array(identifier) }),
  unpin: z.object({ id: z.string() }),
  sessions: z.object({
    identifier: z.string().exactOptional(),
    destination: z.string().exactOptional(),
    listener: z.string().exactOptional(),
    client: z.string().exactOptional(),
  }),
} satisfies { readonly [K in Name]: z.ZodType<ClusterRequests[K]["in"]> };

const HANDLERS: { readonly [K in Name]: Handler<K> } = {
  async forget(parts, { identifiers, changed }) {
    await renewHere(parts, identifiers, changed);
    return null;
  },
  kick: (parts, { target, reason }) => endHere(parts, target, reason),
  evict: (parts, { moved }) => evictHere(parts, moved),
  async hold(parts, { identifier, seconds }) {
    await holdHere(parts, identifier, seconds);
    return null;
  },
  async pin(parts, { id, identifiers }) {
    const pinned = parts.pin(identifiers);
    parts.cluster.pins.keep(id, pinned);
    await pinned;
    return null;
  },
  unpin(parts, { id }) {
    parts.cluster.pins.release(id);
    return Promise.resolve(null);
  },
  async sessions(parts, filter) {
    const sessions = await sessionsHere(parts, filter);
    return {
      sessions: sessions.slice(0, MOST_SESSIONS),
      isCut: sessions.length > MOST_SESSIONS,
    };
  },
};

/** Rejects with one line for the other proxy. */
export async function carryOut(
  parts: Parts,
  { name, argument }: Request,
): Promise<unknown> {
  const read = Object.hasOwn(ARGUMENTS, name)
    ? ARGUMENTS[name as Name].safeParse(argument)
    : undefined;
  if (!read?.success) throw new Error(`cannot be asked to ${name}`);
  try {
    return await (HANDLERS[name as Name] as Handler<Name>)(
      parts,
      read.data as never,
    );
  } catch (error) {
    parts.metrics.add("bugs");
    parts.log.error("cluster_internal_error", { error: String(error) });
    throw new Error("an internal error");
  }
}
