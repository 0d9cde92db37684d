/** `[limits]`: how much one client address or one account may use. */
import { z } from "zod";
import type { ProtocolName } from "../port/snapshot.ts";
import { cidr, duration, expected, key, whole } from "./scalars.ts";

const MOST = 1_000_000;

const most = (description: string) =>
  key(whole(0, MOST).prefault(0), { description });

const sessions = (protocol: string) => most(`${protocol}; 0: no limit.`);

const withLogin = {
  imap: sessions("IMAP"),
  pop3: sessions("POP3"),
  managesieve: sessions("ManageSieve"),
  submission: sessions("Submission"),
  http: sessions("HTTP"),
} satisfies Partial<Record<ProtocolName, z.ZodType>>;

const protocols = {
  ...withLogin,
  smtp: sessions("SMTP"),
  lmtp: sessions("LMTP"),
} satisfies Partial<Record<ProtocolName, z.ZodType>>;

export const limitsSchema = z.object({
  trusted_networks: key(
    z.array(cidr(), expected("a list of address ranges")).prefault([]),
    {
      description:
        "Clients in these ranges are never counted, delayed or refused by a limit: webmail, monitoring, a proxy in front that tells its clients' addresses by XCLIENT or ID.",
    },
  ),
  failures_per_address: most(
    "Failed logins after which an address is refused for `refusal_time`; 0: not counted. An IPv6 address counts with its /64 network.",
  ),
  failures_per_account: most(
    "Failed logins after which an account is refused for `refusal_time`, from wherever; 0: not counted. Somebody who guesses can so lock the owner out: choose it well above what an address may.",
  ),
  failure_window: key(duration().prefault("10m"), {
    description:
      "Failures are forgotten when for so long none has been added to them.",
  }),
  failure_delay: key(duration(0).prefault("1s"), {
    description:
      "A counted failure is answered so much later, and twice as late with each further one; 0s answers at once.",
  }),
  failure_delay_max: key(duration(0).prefault("15s"), {
    description: "The delay grows up to this.",
  }),
  refusal_time: key(duration().prefault("15m"), {
    description:
      "For how long logins are refused, right ones too. Open sessions go on.",
  }),
  connections_per_address: key(z.object(protocols).prefault({}), {
    description:
      "Connections at once of one client address (IPv6: of one /64 network), for each protocol. Reached through PROXY headers, clients count by the address in there.",
  }),
  connections_per_account: key(z.object(withLogin).prefault({}), {
    description:
      "Logged-in connections at once of one account, for each protocol, from wherever. An HTTP connection is one of the account that its last request named.",
  }),
});
