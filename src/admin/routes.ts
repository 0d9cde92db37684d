/** The one table of the management API. */
import { accountRoutes } from "./resources/accounts.ts";
import { auditRoutes } from "./resources/audit.ts";
import { bulkRoutes } from "./resources/bulk.ts";
import { cacheRoutes } from "./resources/cache.ts";
import { clusterRoutes } from "./resources/cluster.ts";
import { configRoutes } from "./resources/config.ts";
import { connectionRoutes } from "./resources/connections.ts";
import { documentRoutes } from "./resources/document.ts";
import { destinationRoutes } from "./resources/destinations.ts";
import { healthRoutes } from "./resources/health.ts";
import { limitRoutes } from "./resources/limits.ts";
import { mappingRoutes } from "./resources/mappings.ts";
import { metricsRoutes } from "./resources/metrics.ts";
import { pkiRoutes } from "./resources/pki.ts";
import { overrideRoutes } from "./resources/overrides.ts";
import { upgradeRoutes } from "./resources/upgrade.ts";
import { statsRoutes } from "./resources/stats.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  ...healthRoutes,
  ...statsRoutes,
  ...metricsRoutes,
  ...destinationRoutes,
  ...mappingRoutes,
  ...bulkRoutes,
  ...cacheRoutes,
  ...accountRoutes,
  ...connectionRoutes,
  ...clusterRoutes,
  ...limitRoutes,
  ...overrideRoutes,
  ...configRoutes,
  ...documentRoutes,
  ...auditRoutes,
  ...upgradeRoutes,
  ...pkiRoutes,
];
