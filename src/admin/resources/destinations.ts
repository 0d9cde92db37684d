/** Destinations and their breakers. */
import { z } from "zod";
import { route } from "../route.ts";
import {
  destination,
  destinationsSchema,
  upstreamsSchema,
} from "../schemas.ts";

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
    method: "GET",
    path: "/reverse_proxy/upstreams",
    summary: "Every leg of every destination, with its sessions and failures",
    description:
      "`num_requests` are the sessions that are routed to it, `fails` its consecutive failures.",
    role: "viewer",
    parameters: {},
    form: "json",
    response: upstreamsSchema,
    refusals: {},
    cli: { verb: ["upstreams", "list"], positional: [] },
    handle: ({ control }) => control.upstreams(),
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
