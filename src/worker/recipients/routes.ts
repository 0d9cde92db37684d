/** Where a recipient's mail goes. */
import { HELD, UNAVAILABLE } from "../../protocols/smtp/relay_replies.ts";
import {
  mailboxOf,
  withLowerDomain,
  withoutDetail,
} from "../../protocols/smtp/envelope.ts";
import type { RouteAnswer, RouteRefused } from "../../port/messages.ts";
import type { WorkerSnapshot } from "../../port/snapshot.ts";
import {
  checkIdentifier,
  InvalidIdentifier,
  normalizeIdentifier,
} from "../../route/identifier.ts";
import type { Attempt } from "../attempt.ts";
import type { WorkerCore } from "../core.ts";
import type { Session } from "../session.ts";
import { tellUnavailable } from "./unavailable.ts";

/** A destination's name, or the reply that a recipient without one gets. */
export type RecipientRoute =
  | { readonly destination: string }
  | { readonly reply: string };

/**
 * The identifiers that a recipient may be mapped by: whole, then without its detail, each as it came and
 * with its domain in lower case, since senders write it as they like (RFC 5321 2.4). Empty when it can
 * have no mapping at all.
 */
export function recipientKeys(
  path: string,
  { recipients, normalize }: Pick<WorkerSnapshot, "recipients" | "normalize">,
): readonly string[] {
  const mailbox = mailboxOf(path);
  const plain = withoutDetail(mailbox, recipients?.delimiter ?? "");
  const keys = [mailbox, plain].flatMap((identifier) => {
    if (identifier === null) return [];
    try {
      checkIdentifier(identifier);
    } catch (error) {
      if (error instanceof InvalidIdentifier) return [];
      throw error;
    }
    return [identifier, withLowerDomain(identifier)].map((name) =>
      normalizeIdentifier(name, normalize)
    );
  });
  return [...new Set(keys)];
}

/** Throws what cancelled the attempt, which becomes stale when one of the mappings changes. */
export async function routeRecipient(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  keys: readonly string[],
): Promise<RecipientRoute> {
  // Before the lookups: what changes from here on is heard of.
  for (const key of keys) core.sessions.addRecipient(session, key);
  let destination = core.generation.snapshot.defaultDestination;
  for (const key of keys) {
    const answer = await lookUp(core, attempt, key);
    if ("refused" in answer) {
      tellUnavailable(core, session, answer.refused);
      return { reply: UNAVAILABLE };
    }
    destination = answer.destination;
    if (!answer.isDefault) break;
  }
  // After the lookups: while a hold lasts, nothing is looked up that counts.
  return isHeld(core, keys) ? { reply: HELD } : { destination };
}

export function isHeld(core: WorkerCore, keys: readonly string[]): boolean {
  return keys.some((key) => core.held.has(key));
}

async function lookUp(
  core: WorkerCore,
  attempt: Attempt,
  key: string,
): Promise<RouteAnswer | RouteRefused> {
  const known = core.routes.get(key);
  if (known) {
    core.reporter.count("cache_hits");
    return known;
  }
  // Recipients that were looked up before may be stale already, and stay so.
  let { stale } = attempt;
  try {
    for (;;) {
      attempt.stale = false;
      const answer = await attempt.interruptible(
        core.port.call("lookup", { identifier: key }),
      );
      if ("refused" in answer) return answer;
      // An answer that was made before an invalidation may be posted behind it: ask again.
      if (attempt.stale) {
        stale = true;
        continue;
      }
      core.routes.put(key, answer);
      return answer;
    }
  } finally {
    attempt.stale ||= stale;
  }
}
