/** Replacing the program. */
import { z } from "zod";
import { UPGRADE_PATH } from "../detour.ts";
import { route } from "../route.ts";

export const upgradeRoutes = [
  route({
    method: "POST",
    path: UPGRADE_PATH,
    summary: "Start the program anew, and let it take over",
    description:
      "It starts with the same configuration file, beside this process, and takes the ports over when it is ready; this one serves its sessions for `shutdown_grace` still. Where the new one fails, this one goes on. Needs a `[[runtime.socket]]` with `path` and `expose_listeners`. Answers its process id.",
    role: "admin",
    parameters: {},
    form: "text",
    response: z.string(),
    refusals: {
      conflict: {
        status: 409,
        summary: "Another process is taking over, or none may",
      },
      failed: {
        status: 500,
        summary: "The new process failed, with the reason; this one goes on",
      },
    },
    cli: { verb: ["upgrade"], positional: [] },
    handle: async ({ control }) =>
      `process ${await control.upgrade()} has taken over`,
  }),
];
