/** The authority that signs certificates for what has none configured. */
import { z } from "zod";
import {
  defaultRefusals,
  type Parameter,
  route,
  typedResponse,
} from "../route.ts";
import { authoritySchema } from "../schemas.ts";

const id = {
  schema: z.string(),
  required: true,
  summary: "`local` is the one there is",
} as const satisfies Parameter;

const refusals = {
  unknown: {
    status: 404,
    summary: "There is no such authority",
  },
  failed: {
    ...defaultRefusals.failed,
    summary: "It cannot be read or kept, and why",
  },
};

export const pkiRoutes = [
  route({
    method: "GET",
    path: "/pki/ca/{id}",
    summary: "The authority that signs for names without a certificate",
    description:
      "It is made when it is first needed or asked for, and kept in `[server] state_dir`.",
    role: "viewer",
    parameters: { id },
    form: "json",
    response: authoritySchema,
    refusals,
    cli: { verb: ["pki", "show"], positional: ["id"] },
    handle: ({ control, values }) => control.authority(values.id),
  }),
  route({
    method: "GET",
    path: "/pki/ca/{id}/certificates",
    summary: "Its certificates as PEM, the intermediate and then the root",
    role: "viewer",
    parameters: { id },
    form: "typed",
    response: typedResponse(["application/pem-certificate-chain"]),
    refusals,
    cli: { verb: ["pki", "certificates"], positional: ["id"] },
    async handle({ control, values }) {
      const { intermediate_certificate, root_certificate } = await control
        .authority(values.id);
      return {
        type: "application/pem-certificate-chain" as const,
        body: intermediate_certificate + root_certificate.trimEnd(),
      };
    },
  }),
];
