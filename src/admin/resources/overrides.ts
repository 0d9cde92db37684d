/** What was set at run time, over the configuration. */
import { z } from "zod";
import { route } from "../route.ts";
import { optionalText, overridesSchema } from "../schemas.ts";

export const overrideRoutes = [
  route({
    method: "GET",
    path: "/overrides",
    summary: "What was set at run time, over the configuration",
    description:
      "`state` is `stale` where the configuration says something else by now than when it was set, and `unused` where it has no such thing any more; `configured` is what it says.",
    role: "viewer",
    parameters: {},
    form: "json",
    response: overridesSchema,
    refusals: {},
    cli: { verb: ["overrides", "list"], positional: [] },
    handle: ({ control }) => ({ overrides: control.overrides.list() }),
  }),
  route({
    method: "DELETE",
    path: "/overrides",
    summary: "Let the configuration count again: all, those of a kind, or one",
    role: "admin",
    parameters: {
      kind: optionalText("As `GET /overrides` has it"),
      key: optionalText("Of what, as `GET /overrides` has it"),
    },
    form: "text",
    response: z.string().regex(/^cleared \d+$/),
    refusals: {
      invalid: {
        status: 400,
        summary: "The configuration cannot be in force without it",
      },
      failed: { status: 500, summary: "It could not be saved" },
      conflict: { status: 409, summary: "The proxy is stopping" },
    },
    cli: { verb: ["overrides", "clear"], positional: ["kind", "key"] },
    async handle({ control, values, by }) {
      const given = Object.entries(values).filter(([, v]) => v !== undefined);
      const cleared = await control.overrides
        .clear(Object.fromEntries(given), by);
      return `cleared ${cleared}`;
    },
  }),
];
