/** Destinations and their breakers. */
import { z } from "zod";
import { route } from "../route.ts";
import { destination, destinationsSchema } from "../schemas.ts";

export const destinationRoutes = [
  route({
    method: "GET",
    path: "/destinations",
    summary: "Every destination with the state of its breaker",
    description:
      "The fields beside `legs` are those of the destination's worst leg.",
    role: "viewer",
    parameters: {},
    form: "json",
    response: destinationsSchema,
    refusals: {},
    cli: { verb: ["destinations", "list"], positional: [] },
    handle: ({ control }) => ({ destinations: control.destinations() }),
  }),
  route({
    method: "POST",
    path: "/destinations/reset",
    summary: "Clear a destination's failures and return it to service",
    role: "operator",
    parameters: { destination },
    form: "text",
    response: z.literal("ok"),
    refusals: {
      unknown: {
        status: 404,
        summary: "The destination is not declared",
        text: "unknown destination",
      },
    },
    cli: { verb: ["destinations", "reset"], positional: ["destination"] },
    handle({ control, values }) {
      control.resetDestination(values.destination);
      return "ok" as const;
    },
  }),
];
