/** Every rule that needs nothing but the document and the environment. Those that look outside are in resources.ts. */
import type { Rule } from "./rule.ts";
import * as cluster from "./cluster.ts";
import * as destinations from "./destinations.ts";
import * as dialogue from "./dialogue.ts";
import * as http from "./http.ts";
import * as listeners from "./listeners.ts";
import * as routing from "./routing.ts";
import * as runtime from "./runtime.ts";
import * as tables from "./tables.ts";

export const RULES: readonly Rule[] = [
  listeners.someListener,
  listeners.listenerStartTls,
  listeners.proxyTrusted,
  listeners.distinctBinds,
  listeners.cipherSuites,
  listeners.certificates,
  tables.knownAcls,
  tables.mapNames,
  destinations.legStartTls,
  destinations.plaintextLeg,
  destinations.serverNameForAddress,
  destinations.clientCertificatePair,
  destinations.authoritiesCount,
  destinations.invalidCertificates,
  routing.defaultDestination,
  routing.passThroughDestination,
  routing.recipientRoute,
  routing.mappingSource,
  routing.sqlUrl,
  routing.redisAddress,
  routing.writableSql,
  http.httpRoutes,
  http.routePatterns,
  http.routeTargets,
  http.extractKeys,
  dialogue.saslTwice,
  dialogue.ownCapabilities,
  dialogue.adminToken,
  dialogue.adminTokens,
  runtime.pathOrBind,
  runtime.openAddress,
  runtime.socketTwice,
  cluster.clusterUrl,
  cluster.sharedMappings,
];
