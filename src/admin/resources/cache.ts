/** The cache of lookups. */
import { reachAll, REACHED, reached } from "../reached.ts";
import { defaultRefusals, route } from "../route.ts";
import { optionalIdentifier } from "../schemas.ts";

export const cacheRoutes = [
  route({
    method: "POST",
    path: "/cache/invalidate",
    summary: "Forget the cached route of an account, or all of them",
    description: REACHED,
    role: "operator",
    parameters: { identifier: optionalIdentifier },
    form: "text",
    response: reached("ok"),
    refusals: { invalid: defaultRefusals.invalid },
    cli: { verb: ["cache", "invalidate"], positional: ["identifier"] },
    handle: ({ control, values }) =>
      reachAll(control, async () => {
        await control.invalidate(values.identifier ?? null);
        return "ok";
      }),
  }),
];
