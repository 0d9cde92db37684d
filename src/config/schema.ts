/**
 * The whole configuration, declared once: keys, types, defaults, prose, and what a reload may change.
 * The loader, the reference page and the JSON Schema are made from it. Keys are those of the TOML file;
 * durations come out as milliseconds.
 */
import { z } from "zod";
import { DURATION, key } from "./scalars.ts";
import { adminSchema } from "./schema_admin.ts";
import { clusterSchema } from "./schema_cluster.ts";
import { capabilitiesSchema, oauthSchema } from "./schema_capabilities.ts";
import { destinationSchema, legSchema } from "./schema_destination.ts";
import { httpSchema } from "./schema_http.ts";
import { limitsSchema } from "./schema_limits.ts";
import { listenerSchema } from "./schema_listener.ts";
import { mappingSchema, routingSchema } from "./schema_mapping.ts";
import { aclSchema, mapSchema } from "./schema_tables.ts";
import { runtimeSchema } from "./schema_runtime.ts";
import {
  certificateSchema,
  serverSchema,
  tlsProtocolsSchema,
} from "./schema_server.ts";

/** Tables that the operator names. */
const named = <T extends z.ZodType>(schema: T) =>
  z.record(z.string(), schema).prefault({});

export const configSchema = z.object({
  server: key(serverSchema.prefault({}), {
    description: "The process, its time limits and the breaker.",
  }),
  tls: key(
    z.object({
      certificate: key(named(certificateSchema), {
        description:
          "Certificates for clients. Files are read again at each reload.",
      }),
      protocols: key(tlsProtocolsSchema.prefault({}), {
        description: "TLS towards clients.",
      }),
    }).prefault({}),
    { description: "TLS towards clients." },
  ),
  listener: key(named(listenerSchema), {
    description: "Sockets that clients connect to.",
  }),
  limits: key(limitsSchema.prefault({}), {
    description:
      "How much one client address or one account may use, counted over all workers. Nothing is limited by default. Changed limits hold for new connections and logins; those that came before a limit are not counted.",
  }),
  acl: key(named(aclSchema), {
    description:
      "Named lists of address ranges, for `allow`, `deny` and `proxy_trusted` of listeners. The runtime socket can change them.",
  }),
  map: key(named(mapSchema), {
    description:
      "Named tables of keys and values that the runtime socket serves to scripts. The proxy itself uses none of them; the mapping store, which has the name `mappings` there, is not declared here.",
  }),
  destination: key(named(destinationSchema), {
    description: "Backends.",
  }),
  routing: key(routingSchema, {
    description: "Which destination a session without a mapping takes.",
  }),
  mapping: key(mappingSchema, {
    description: "Where it is kept which account is on which destination.",
  }),
  capabilities: key(capabilitiesSchema.prefault({}), {
    description: "What the proxy says of itself before login.",
  }),
  oauth: key(oauthSchema.prefault({}), {
    description: "How the account is found in OAuth tokens.",
  }),
  http: key(httpSchema.prefault({}), { description: "HTTP listeners." }),
  admin: key(adminSchema.optional(), {
    description: "The management API. Without this table there is none.",
    unset: "no management API",
  }),
  cluster: key(clusterSchema.optional(), {
    description:
      "Other proxies in front of the same accounts. What is done over the API of one, with mappings, sessions and holds, all of them do.",
    unset: "this proxy knows of no others",
  }),
  runtime: key(runtimeSchema.prefault({}), {
    description: "The runtime socket.",
  }),
});

/** A validated configuration, immutable by convention: a change makes a new one. */
export type Config = z.output<typeof configSchema>;
export type ListenerConfig = z.output<typeof listenerSchema>;
export type DestinationConfig = z.output<typeof destinationSchema>;
export type LegConfig = z.output<typeof legSchema>;
export type RuntimeSocketConfig = Config["runtime"]["socket"][number];
export type ClusterConfig = NonNullable<Config["cluster"]>;

const ID: z.core.JSONSchema.BaseSchema = {
  type: ["string", "number"],
  minLength: 1,
};

/**
 * JSON Schema (2020-12) of the file's content, and of the configuration API's documents, whose objects
 * may also have an `@id`. Keys that are secret are `writeOnly`.
 */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, {
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema: schema }) => {
      const { reload: _, unset, secret, ...kept } = schema;
      if (unset !== undefined) kept.description += ` Unset: ${unset}.`;
      if (secret !== undefined) kept.writeOnly = true;
      if (schema.title === "duration") kept.pattern = DURATION.source;
      const isNamed = schema.propertyNames !== undefined;
      if (isNamed || schema.properties !== undefined) {
        kept.properties = { "@id": ID, ...schema.properties };
        if (!isNamed) kept.additionalProperties = false;
      }
      for (const name of Object.keys(schema)) delete schema[name];
      Object.assign(schema, kept);
    },
  });
}
