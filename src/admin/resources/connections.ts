/** Sessions: listing them, ending them, holding them back. */
import { z } from "zod";
import { ControlError, type SessionFilter } from "../../control/api.ts";
import { defaultRefusals, route } from "../route.ts";
import { identifier, optionalIdentifier, sessionsSchema } from "../schemas.ts";

const { invalid } = defaultRefusals;

/** A longer hold counts as this (spec section 12). */
const MAX_HOLD_SECONDS = 120;

const filter = (summary: string) =>
  ({ schema: z.string(), required: false, summary }) as const;

export const connectionRoutes = [
  route({
    method: "POST",
    path: "/connections/kick",
    summary: "End every session of an account past its login command",
    role: "operator",
    parameters: { identifier },
    form: "text",
    response: z.string().regex(/^kicked \d+$/),
    refusals: { invalid },
    cli: { verb: ["connections", "kick"], positional: ["identifier"] },
    handle: async ({ control, values }) =>
      `kicked ${await control.kick(values.identifier)}`,
  }),
  route({
    method: "POST",
    path: "/connections/delay",
    summary: "Hold each new login of an account for some seconds",
    description: "0 ends the hold; over 120 counts as 120.",
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
    response: z.literal("ok"),
    refusals: { invalid },
    cli: {
      verb: ["connections", "delay"],
      positional: ["identifier", "seconds"],
    },
    async handle({ control, values }) {
      const seconds = Math.min(values.seconds, MAX_HOLD_SECONDS);
      await control.delay(values.identifier, seconds);
      return "ok" as const;
    },
  }),
  route({
    method: "GET",
    path: "/sessions",
    summary: "Open sessions, all or those that fit the filters",
    role: "viewer",
    parameters: {
      identifier: optionalIdentifier,
      destination: filter("Only sessions routed to this destination"),
      listener: filter("Only sessions of this listener"),
      client: filter("Only sessions from this address"),
    },
    form: "json",
    response: sessionsSchema,
    refusals: { invalid },
    cli: { verb: ["sessions", "list"], positional: [] },
    async handle({ control, values }) {
      const given = Object.entries(values).filter(([, v]) => v !== undefined);
      const filter: SessionFilter = Object.fromEntries(given);
      return { sessions: await control.sessions(filter) };
    },
  }),
  route({
    method: "DELETE",
    path: "/sessions/{id}",
    summary: "End one session, in whatever stage it is",
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
