/** Who changed what. */
import { z } from "zod";
import { AUDIT_KEPT } from "../../control/audit_log.ts";
import { route } from "../route.ts";
import { auditSchema } from "../schemas.ts";

export const auditRoutes = [
  route({
    method: "GET",
    path: "/audit",
    summary: "The last changes that were asked for, the newest at the end",
    description:
      "At most 1,000 since the start; the log has all of them. Accounts are shortened, as in the log.",
    role: "admin",
    parameters: {
      limit: {
        schema: z.int().min(1).max(AUDIT_KEPT),
        required: false,
        summary: "How many at most, 1 to 1000",
      },
    },
    form: "json",
    response: auditSchema,
    refusals: {},
    cli: { verb: ["audit"], positional: [] },
    handle: ({ audit, values }) => ({ audit: audit.latest(values.limit) }),
  }),
];
