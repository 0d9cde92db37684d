/** Rules about which destination a session takes, and where mappings come from. */
import { asksMapping, isPassThrough } from "../protocols.ts";
import { parseRedisUrl, RedisUrlFault } from "../redis_url.ts";
import { parseSqlUrl, SqlUrlFault } from "../sql_url.ts";
import {
  declaredDestinations,
  eachListener,
  findDestination,
  type Rule,
} from "./rule.ts";

export const defaultDestination: Rule = (draft, issues) => {
  const name = draft.routing?.default_destination;
  if (name === undefined) return;
  const target = findDestination(draft, name);
  if (target === undefined) {
    issues.problem(
      ["routing", "default_destination"],
      `destination ${JSON.stringify(name)} is not declared; ${
        declaredDestinations(draft)
      }`,
    );
    return;
  }
  for (const [listener, { protocol, route }] of eachListener(draft)) {
    if (
      protocol !== undefined && asksMapping({ protocol, route }) &&
      target.protocol !== undefined && target.protocol[protocol] === undefined
    ) {
      issues.problem(
        ["listener", listener, "protocol"],
        `the default destination ${name} has no leg for ${protocol}: add [destination.${name}.protocol.${protocol}]`,
      );
    }
  }
};

export const passThroughDestination: Rule = (draft, issues) => {
  const name = draft.routing?.smtp_passthrough_destination;
  const bridged = eachListener(draft).flatMap((
    [listener, { protocol, route }],
  ) =>
    protocol !== undefined && !asksMapping({ protocol, route })
      ? [{ listener, protocol }]
      : []
  );
  if (name === undefined) {
    if (bridged.length > 0) {
      const { listener, protocol } = bridged[0]!;
      issues.problem(
        ["routing", "smtp_passthrough_destination"],
        `required because listener ${listener} speaks ${protocol}`,
      );
    }
    return;
  }
  const target = findDestination(draft, name);
  if (target === undefined) {
    issues.problem(
      ["routing", "smtp_passthrough_destination"],
      `destination ${JSON.stringify(name)} is not declared; ${
        declaredDestinations(draft)
      }`,
    );
    return;
  }
  for (const { listener, protocol } of bridged) {
    if (
      target.protocol !== undefined && target.protocol[protocol] === undefined
    ) {
      issues.problem(
        ["listener", listener, "protocol"],
        `the pass-through destination ${name} has no leg for ${protocol}: add [destination.${name}.protocol.${protocol}]`,
      );
    }
  }
};

export const recipientRoute: Rule = (draft, issues) => {
  for (const [listener, { protocol, route }] of eachListener(draft)) {
    if (
      protocol !== undefined && !isPassThrough(protocol) &&
      route === "recipient"
    ) {
      issues.problem(
        ["listener", listener, "route"],
        `${protocol} is routed by its login: "recipient" is for smtp and lmtp`,
      );
    }
  }
};

export const mappingSource: Rule = (draft, issues) => {
  const source = draft.mapping?.source;
  if (source !== undefined && draft.mapping?.[source] === undefined) {
    issues.problem(
      ["mapping", source],
      `required because mapping.source is "${source}": add [mapping.${source}]`,
    );
  }
};

export const sqlUrl: Rule = (draft, issues) => {
  const url = draft.mapping?.sql?.url;
  if (url === undefined) return;
  try {
    parseSqlUrl(url);
  } catch (error) {
    if (!(error instanceof SqlUrlFault)) throw error;
    issues.problem(["mapping", "sql", "url"], error.message);
  }
};

export const redisAddress: Rule = (draft, issues) => {
  const url = draft.mapping?.redis?.url;
  if (url === undefined) return;
  try {
    parseRedisUrl(url);
  } catch (error) {
    if (!(error instanceof RedisUrlFault)) throw error;
    issues.problem(["mapping", "redis", "url"], error.message);
  }
};

export const writableSql: Rule = (draft, issues) => {
  const sql = draft.mapping?.sql;
  if (sql === undefined) return;
  if ((sql.upsert_query === undefined) !== (sql.delete_query === undefined)) {
    const set = sql.upsert_query === undefined
      ? "delete_query"
      : "upsert_query";
    issues.warn(
      ["mapping", "sql", set],
      "mappings stay read-only unless both upsert_query and delete_query are set",
    );
  }
};
