/** The one table of the management API. */
import { cacheRoutes } from "./resources/cache.ts";
import { configRoutes } from "./resources/config.ts";
import { connectionRoutes } from "./resources/connections.ts";
import { destinationRoutes } from "./resources/destinations.ts";
import { healthRoutes } from "./resources/health.ts";
import { mappingRoutes } from "./resources/mappings.ts";
import { statsRoutes } from "./resources/stats.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  ...healthRoutes,
  ...statsRoutes,
  ...destinationRoutes,
  ...mappingRoutes,
  ...cacheRoutes,
  ...connectionRoutes,
  ...configRoutes,
];
