import { isPassThrough } from "../config/protocols.ts";
import type { Config } from "../config/schema.ts";
import { withoutDetail } from "../protocols/smtp/envelope.ts";
import {
  InvalidIdentifier,
  normalizeIdentifier,
  routeKey,
  stripMasterUser,
} from "../route/identifier.ts";
import type { LegState } from "../port/messages.ts";
import type { Explanation } from "./api.ts";
import type { Parts } from "./parts.ts";
import { routeKeyRules } from "./settings.ts";
import { eachSpokenLeg, type SpokenLeg } from "./spoken_legs.ts";

/** How an account would be routed now, step by step as a login would go (spec section 3). */
export async function explainRoute(
  identifier: string,
  parts: Parts,
  config: Config,
): Promise<Explanation> {
  const steps: { step: string; result: string }[] = [];
  const tell = (step: string, result: string) => steps.push({ step, result });
  const end = (destination: string | null, refused: string | null) => ({
    identifier,
    steps,
    destination,
    refused,
  });
  const rules = routeKeyRules(config);
  let account: string;
  try {
    account = routeKey(identifier, rules);
  } catch (error) {
    if (!(error instanceof InvalidIdentifier)) throw error;
    tell("identifier", error.message);
    return end(null, error.message);
  }
  const normalized = normalizeIdentifier(identifier, rules.normalize);
  const stripped = stripMasterUser(normalized, rules.masterUserSeparators);
  tell("normalize", `${rules.normalize}: ${normalized}`);
  tell(
    "master user",
    stripped === normalized
      ? "none"
      : `cut: ${account} is the mailbox, the whole login goes to the backend`,
  );
  const blocked = parts.limits.entry("account", account)?.refusedFor ?? 0;
  if (blocked > 0) {
    const seconds = Math.ceil(blocked / 1000);
    tell("limits", `too many failed logins: refused for another ${seconds} s`);
  }
  tell("hold", holdResult(parts.holds.of(account)));
  const cached = parts.resolver.peekCached(account) !== null;
  const route = await parts.resolver.resolve(account);
  if ("refused" in route) {
    tell("lookup", route.refused);
    return end(null, route.refused);
  }
  const found = route.isDefault
    ? `no usable mapping: default destination ${route.destination}`
    : `mapped to ${route.destination}`;
  tell("lookup", `${found} (${cached ? "cached" : parts.store.source})`);
  const mailbox = route.isDefault ? mailboxOf(account, config) : null;
  if (mailbox !== null) {
    const mail = await parts.resolver.resolve(mailbox);
    if ("destination" in mail && !mail.isDefault) {
      tell("mail", `for ${mailbox}, which is mapped to ${mail.destination}`);
    }
  }
  const { destination } = route;
  const legs = eachSpokenLeg(config, destination).map((spoken) => ({
    ...spoken,
    state: parts.breakers.stateOf(destination, spoken.protocol),
  }));
  for (const leg of legs) {
    const { host } = config.destination[destination]!;
    tell(leg.protocol, legResult(leg, host));
  }
  const unusable = legs.length > 0 &&
    legs.every(({ leg, state }) => leg === undefined || state === "down");
  const refused = blocked > 0
    ? "too many failed logins of this account"
    : unusable
    ? `destination ${destination} is down`
    : null;
  return end(destination, refused);
}

function holdResult(hold: { remaining: number } | null): string {
  if (hold === null) return "none";
  return hold.remaining === 0
    ? "new logins wait while the account is moved"
    : `new logins wait another ${Math.ceil(hold.remaining / 1000)} s`;
}

function legResult(
  { protocol, leg, forwarding, state }: SpokenLeg & {
    state: LegState["state"];
  },
  host: string,
): string {
  if (leg === undefined) {
    return `no leg: ${
      isPassThrough(protocol) ? "mail is put off" : "logins are refused"
    }`;
  }
  const service = state === "closed" ? "in service" : "down";
  return `${host} port ${leg.port}, tls ${leg.tls}, forwarding ${forwarding}, ${service}`;
}

/** The account that a recipient's mail is for where the recipient itself has no mapping; null for no other. */
function mailboxOf(account: string, config: Config): string | null {
  const byRecipient = Object.values(config.listener).some(({ route }) =>
    route === "recipient"
  );
  return byRecipient
    ? withoutDetail(account, config.routing.recipient_delimiter)
    : null;
}
