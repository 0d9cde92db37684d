/** Metrics for a scraper. */
import {
  chooseExposition,
  exposition,
  OPENMETRICS,
  PROMETHEUS,
} from "../../observe/exposition.ts";
import { route, typedResponse } from "../route.ts";

export const metricsRoutes = [
  route({
    method: "GET",
    path: "/metrics",
    summary: "Every counter and gauge, for Prometheus and the like",
    description:
      "OpenMetrics, or the older Prometheus text where the Accept header prefers `text/plain`.",
    role: "viewer",
    parameters: {},
    form: "typed",
    response: typedResponse([OPENMETRICS, PROMETHEUS]),
    refusals: {},
    cli: { verb: ["metrics"], positional: [] },
    async handle({ control, request }) {
      const type = chooseExposition(request.headers.get("accept"));
      return { type, body: exposition(await control.metrics(), type) };
    },
  }),
];
