/** Counters of the running proxy. */
import { route } from "../route.ts";
import { statsSchema } from "../schemas.ts";

export const statsRoutes = [
  route({
    method: "GET",
    path: "/stats",
    summary: "Cache and connection counters",
    role: "viewer",
    parameters: {},
    form: "json",
    response: statsSchema,
    refusals: {},
    cli: { verb: ["stats"], positional: [] },
    handle: ({ control }) => control.stats(),
  }),
];
