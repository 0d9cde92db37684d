/** Whom `[limits]` counts, and who is refused. */
import { z } from "zod";
import type { LimitTarget } from "../../control/api.ts";
import { AdminError, defaultRefusals, route } from "../route.ts";
import { limitsSchema, optionalIdentifier } from "../schemas.ts";

const { invalid } = defaultRefusals;

const parameters = {
  identifier: optionalIdentifier,
  client: {
    schema: z.string(),
    required: false,
    summary: "A client's address; of an IPv6 one its /64 network counts",
  },
} as const;

const NOT_BOTH = "identifier or client, not both";

export const limitRoutes = [
  route({
    method: "GET",
    path: "/limits",
    summary: "What the limits count, and who is refused now",
    description:
      "All addresses and accounts that are counted, or one; the worst first, and at most 1000 of them. `counted` says how many there are.",
    role: "viewer",
    parameters,
    form: "json",
    response: limitsSchema,
    refusals: { invalid },
    failures: { 400: `\`${NOT_BOTH}\`` },
    cli: { verb: ["limits", "list"], positional: [] },
    handle: ({ control, values }) => control.limits(target(values)),
  }),
  route({
    method: "DELETE",
    path: "/limits",
    summary: "Forget the failed logins of an address or account",
    description:
      "Its logins are let in again. Connections that are counted stay so.",
    role: "operator",
    parameters,
    form: "text",
    response: z.enum(["cleared", "absent"]),
    refusals: { invalid },
    failures: {
      400: `\`identifier or client required\`; \`${NOT_BOTH}\``,
    },
    cli: { verb: ["limits", "clear"], positional: [] },
    handle({ control, values }) {
      const whom = target(values);
      if (whom === null) {
        throw new AdminError(400, "identifier or client required");
      }
      return control.clearLimit(whom) ? "cleared" as const : "absent" as const;
    },
  }),
];

function target(
  { identifier, client }: {
    readonly identifier: string | undefined;
    readonly client: string | undefined;
  },
): LimitTarget | null {
  if (identifier !== undefined && client !== undefined) {
    throw new AdminError(400, NOT_BOTH);
  }
  if (identifier !== undefined) return { identifier };
  return client === undefined ? null : { address: client };
}
