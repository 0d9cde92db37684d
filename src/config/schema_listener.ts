/** `[listener.NAME]`. */
import { z } from "zod";
import { PROTOCOLS, ROUTES } from "./protocols.ts";
import {
  duration,
  endpoint,
  expected,
  isCidr,
  key,
  oneOf,
  text,
  whole,
} from "./scalars.ts";
import { aclNameOf } from "./tables.ts";

export const TLS_MODES = ["implicit", "starttls", "plain"] as const;

const rangeOrAcl = () =>
  text(
    'an address range, such as "10.0.0.0/8", or "acl:" and the name of an acl',
    (value) => isCidr(value) || aclNameOf(value) !== null,
  );

const aclNames = () =>
  z.array(
    z.string(expected("the name of an acl")),
    expected("a list of names of acls"),
  );

export const listenerSchema = z.object({
  protocol: key(oneOf(PROTOCOLS), {
    description: "What is spoken here.",
  }),
  bind: key(
    z.array(endpoint(), expected("a list of addresses with ports"))
      .min(1, { error: "must name at least one address" }),
    {
      description:
        'Addresses to listen on, such as "0.0.0.0:993" and "[::]:993".',
    },
  ),
  tls: key(oneOf(TLS_MODES), {
    description:
      "`implicit`: TLS from the first byte; `starttls`: offered in the dialogue (not for http, nor for smtp and lmtp that are passed through); `plain`: none.",
  }),
  route: key(oneOf(ROUTES).prefault("passthrough"), {
    description:
      "smtp and lmtp only. `passthrough`: connections are bridged to `smtp_passthrough_destination`; `recipient`: each recipient's mapping is looked up, and the message goes to the destinations of its recipients.",
  }),
  proxy_protocol: key(oneOf(["off", "optional", "required"]).prefault("off"), {
    description:
      "Whether a PROXY header comes before everything else: `optional` takes it when it is there, `required` drops connections without it. Only peers in `proxy_trusted` may send one; with `optional`, one of them that sends nothing on a listener that speaks first is greeted after a second.",
  }),
  proxy_trusted: key(
    z.array(rangeOrAcl(), expected("a list of address ranges")).prefault([]),
    {
      description:
        "Peers that may say who the client is, by PROXY header, XCLIENT or ID: address ranges, and `acl:NAME` for those of an `[acl.NAME]`. IPv4 addresses are found in IPv4 ranges only. Required unless `proxy_protocol` is off.",
    },
  ),
  allow: key(aclNames().optional(), {
    description:
      "Names of acls: clients that are in none of them are refused. The address that counts is the one in a trusted peer's PROXY header; a peer that names its client by XCLIENT or ID has to be allowed too.",
    unset: "all clients may come",
  }),
  deny: key(aclNames().prefault([]), {
    description:
      "Names of acls: clients that are in one of them are refused, also when `allow` has them. Open sessions go on when the list changes.",
  }),
  max_connections: key(whole(1, 10_000_000).prefault(8192), {
    description:
      "Connections at once; further ones are closed at once and counted.",
  }),
  preauth_timeout: key(duration().prefault("30s"), {
    description: "Time from the connection to the login command.",
  }),
  max_auth_attempts: key(whole(1, 1000).prefault(3), {
    description: "Failed logins after which the connection is closed.",
  }),
  forwarded: key(oneOf(["off", "trust"]).prefault("off"), {
    description:
      "http only: `trust` keeps the client's own headers Forwarded and X-Forwarded-For, which are taken away otherwise.",
  }),
});
