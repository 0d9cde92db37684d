/** Liveness and readiness probes. */
import { z } from "zod";
import { AdminError, route } from "../route.ts";

export const healthRoutes = [
  route({
    method: "GET",
    path: "/healthz",
    summary: "Is the process alive",
    role: "public",
    parameters: {},
    form: "text",
    response: z.literal("ok"),
    refusals: {},
    cli: { verb: ["healthz"], positional: [] },
    handle: () => "ok" as const,
  }),
  route({
    method: "GET",
    path: "/readyz",
    summary: "Does the proxy accept sessions",
    description:
      "Answers 503 with one reason a line until every listener is bound, and while draining. Behind `ok` follows, one a line, what does not work but is no reason to send clients elsewhere: a mapping store that cannot be asked, a cluster bus that does not work.",
    role: "public",
    parameters: {},
    form: "text",
    response: z.string().describe("`ok`, and what does not work"),
    refusals: {},
    failures: { 503: "Not ready; one reason a line" },
    cli: { verb: ["readyz"], positional: [] },
    handle({ control }) {
      const { ready, reasons, notes } = control.readiness();
      if (!ready) throw new AdminError(503, [...reasons, ...notes].join("\n"));
      return ["ok", ...notes].join("\n");
    },
  }),
];
