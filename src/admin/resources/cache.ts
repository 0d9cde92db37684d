/** The cache of lookups. */
import { z } from "zod";
import { defaultRefusals, route } from "../route.ts";
import { optionalIdentifier } from "../schemas.ts";

export const cacheRoutes = [
  route({
    method: "POST",
    path: "/cache/invalidate",
    summary: "Forget the cached route of an account, or all of them",
    role: "operator",
    parameters: { identifier: optionalIdentifier },
    form: "text",
    response: z.literal("ok"),
    refusals: { invalid: defaultRefusals.invalid },
    cli: { verb: ["cache", "invalidate"], positional: ["identifier"] },
    async handle({ control, values }) {
      await control.invalidate(values.identifier ?? null);
      return "ok" as const;
    },
  }),
];
