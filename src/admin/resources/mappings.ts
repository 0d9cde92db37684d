/** Which account is mapped to which destination, and why. */
import { z } from "zod";
import { reachAll, REACHED, reached } from "../reached.ts";
import { defaultRefusals, route } from "../route.ts";
import {
  destination,
  explanationSchema,
  identifier,
  mappingSchema,
} from "../schemas.ts";

const { invalid, failed, "read-only": readOnly } = defaultRefusals;

export const mappingRoutes = [
  route({
    method: "GET",
    path: "/mappings",
    summary: "How an account resolves",
    description: "The answer is kept in the cache, as that of a login would.",
    role: "viewer",
    parameters: { identifier },
    form: "json",
    response: mappingSchema,
    refusals: { invalid, failed },
    cli: { verb: ["mappings", "get"], positional: ["identifier"] },
    handle: ({ control, values }) => control.mapping(values.identifier),
  }),
  route({
    method: "PUT",
    path: "/mappings",
    summary: "Map an account to a destination",
    description:
      `Creates or replaces the mapping and drops the cached one: the next login uses the new. Sessions that are open stay until \`POST /connections/kick\`. ${REACHED}`,
    role: "operator",
    parameters: { identifier, destination },
    form: "text",
    response: reached("ok"),
    refusals: {
      invalid,
      unknown: {
        status: 400,
        summary: "The destination is not declared",
        text: "unknown destination",
      },
      conflict: {
        status: 409,
        summary:
          "In a cluster: another proxy changed the mapping at the same time, and its change is the one that counts",
      },
      "read-only": readOnly,
      failed,
    },
    cli: {
      verb: ["mappings", "set"],
      positional: ["identifier", "destination"],
    },
    handle: ({ control, values }) =>
      reachAll(control, async () => {
        await control.setMapping(values.identifier, values.destination);
        return "ok";
      }),
  }),
  route({
    method: "DELETE",
    path: "/mappings",
    summary: "Remove an account's mapping",
    description:
      `The account then falls to the default destination. ${REACHED}`,
    role: "operator",
    parameters: { identifier },
    form: "text",
    response: reached("removed", "absent"),
    refusals: { invalid, "read-only": readOnly, failed },
    cli: { verb: ["mappings", "delete"], positional: ["identifier"] },
    handle: ({ control, values }) =>
      reachAll(
        control,
        async () =>
          await control.deleteMapping(values.identifier) ? "removed" : "absent",
      ),
  }),
  route({
    method: "POST",
    path: "/mappings/reload",
    summary: "Read the mapping store again",
    description:
      "For the file source; the others are asked at each lookup and have nothing to read again. A bad file leaves the old table in place.",
    role: "operator",
    parameters: {},
    form: "text",
    response: z.literal("reloaded"),
    refusals: {
      invalid: { status: 500, summary: "The new table is bad; the old stays" },
      failed: { status: 500, summary: "It cannot be read; the old stays" },
    },
    cli: { verb: ["mappings", "reload"], positional: [] },
    async handle({ control }) {
      await control.reloadMappings();
      return "reloaded" as const;
    },
  }),
  route({
    method: "GET",
    path: "/routes/explain",
    summary: "How an account is routed and why, step by step",
    role: "viewer",
    parameters: { identifier },
    form: "json",
    response: explanationSchema,
    refusals: { invalid, failed },
    cli: { verb: ["explain"], positional: ["identifier"] },
    handle: ({ control, values }) => control.explain(values.identifier),
  }),
];
