/** The configuration, and the description of this API. */
import { z } from "zod";
import { openapi } from "../openapi.ts";
import { route } from "../route.ts";
import { reloadedSchema } from "../schemas.ts";

const refused = {
  status: 400,
  summary: "Refused with the reason; the running configuration stays",
};

export const configRoutes = [
  route({
    method: "POST",
    path: "/config/reload",
    summary: "Read the configuration file and the certificates again",
    description:
      "The running configuration is replaced only by a valid one. `note` names what needs a restart.",
    role: "admin",
    parameters: {},
    form: "json",
    response: reloadedSchema,
    refusals: {
      invalid: refused,
      failed: refused,
      conflict: {
        status: 409,
        summary:
          "The API has changed the configuration, and the file differs from that",
      },
    },
    cli: { verb: ["config", "reload"], positional: [] },
    handle: ({ control }) => control.config.reload({ discard: false }),
  }),
  route({
    method: "GET",
    path: "/openapi.json",
    summary: "This API as an OpenAPI 3.1 document",
    role: "viewer",
    parameters: {},
    form: "json",
    response: z.looseObject({ openapi: z.literal("3.1.0") }),
    refusals: {},
    cli: { verb: ["openapi"], positional: [] },
    handle: ({ routes }) => openapi(routes),
  }),
];
