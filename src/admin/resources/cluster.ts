/** The other proxies. */
import { route } from "../route.ts";
import { clusterSchema } from "../schemas.ts";

export const clusterRoutes = [
  route({
    method: "GET",
    path: "/cluster",
    summary: "The proxies of the cluster, this one first",
    description:
      "`reachable` is false for one that was not heard for 5 s; it is listed for 10 minutes. Without `[cluster]` there are none, and `bus` is null.",
    role: "viewer",
    parameters: {},
    form: "json",
    response: clusterSchema,
    refusals: {},
    cli: { verb: ["cluster"], positional: [] },
    handle: ({ control }) => control.cluster.view(),
  }),
];
