/** Sessions: listing them, ending them, holding them back. */
import { z } from "zod";
import { ControlError, type SessionFilter } from "../../control/api.ts";
import { reachAll, REACHED, reached } from "../reached.ts";
import { defaultRefusals, route } from "../route.ts";
import {
  clusterSessionsSchema,
  identifier,
  optionalIdentifier,
  optionalText,
  sessionsSchema,
} from "../schemas.ts";

const { invalid } = defaultRefusals;

/** A longer hold counts as this (spec section 12). */
const MAX_HOLD_SECONDS = 120;

export const connectionRoutes = [
  route({
    method: "POST",
    path: "/connections/kick",
    summary: "End every session of an account past its login command",
    description: `The number is that of all proxies. ${REACHED}`,
    role: "operator",
    parameters: { identifier },
    form: "text",
    response: reached("kicked N"),
    refusals: { invalid },
    cli: { verb: ["connections", "kick"], positional: ["identifier"] },
    handle: ({ control, values }) =>
      reachAll(
        control,
        async () => `kicked ${await control.kick(values.identifier)}`,
      ),
  }),
  route({
    method: "POST",
    path: "/connections/delay",
    summary: "Hold each new login of an account for some seconds",
    description: `0 ends the hold; over 120 counts as 120. ${REACHED}`,
    role: "operator",
    parameters: {
      identifier,
      seconds: {
        schema: z.int().min(0),
        required: true,
        summary: "A whole number of seconds",
      },
    },
    form: "text",
    response: reached("ok"),
    refusals: { invalid },
    cli: {
      verb: ["connections", "delay"],
      positional: ["identifier", "seconds"],
    },
    handle: ({ control, values }) =>
      reachAll(control, async () => {
        const seconds = Math.min(values.seconds, MAX_HOLD_SECONDS);
        await control.delay(values.identifier, seconds);
        return "ok";
      }),
  }),
  route({
    method: "GET",
    path: "/sessions",
    summary: "Open sessions, all or those that fit the filters",
    description:
      "With `scope=cluster` those of every proxy, each with the `node` that has it; `incomplete` names the proxies that did not answer within a second, or have more than the 10,000 that are listed.",
    role: "viewer",
    parameters: {
      scope: {
        schema: z.enum(["proxy", "cluster"]),
        required: false,
        summary: "`proxy`, this one alone: the default; or `cluster`",
      },
      identifier: optionalIdentifier,
      destination: optionalText("Only sessions routed to this destination"),
      listener: optionalText("Only sessions of this listener"),
      client: optionalText("Only sessions from this address"),
    },
    form: "json",
    response: z.union([sessionsSchema, clusterSessionsSchema]),
    refusals: { invalid },
    cli: { verb: ["sessions", "list"], positional: [] },
    async handle({ control, values: { scope, ...values } }) {
      const given = Object.entries(values).filter(([, v]) => v !== undefined);
      const filter: SessionFilter = Object.fromEntries(given);
      if (scope === "cluster") return await control.clusterSessions(filter);
      return { sessions: await control.sessions(filter) };
    },
  }),
  route({
    method: "DELETE",
    path: "/sessions/{id}",
    summary: "End one session, in whatever stage it is and at whichever proxy",
    role: "operator",
    parameters: {
      id: {
        schema: z.string(),
        required: true,
        summary: "The `id` of the session, as `GET /sessions` has it",
      },
    },
    form: "text",
    response: z.literal("ok"),
    refusals: {
      unknown: {
        status: 404,
        summary: "There is no such session",
        text: "unknown session",
      },
    },
    cli: { verb: ["sessions", "end"], positional: ["id"] },
    async handle({ control, values }) {
      if (await control.closeSession(values.id, "kicked")) return "ok" as const;
      throw new ControlError("unknown", "unknown session");
    },
  }),
];
