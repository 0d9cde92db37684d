/** `[admin]`: the management API. */
import { z } from "zod";
import {
  duration,
  endpoint,
  expected,
  filePath,
  key,
  oneOf,
  text,
  whole,
} from "./scalars.ts";
import { parseTokenHash, ROLES } from "./tokens.ts";

const tokenSchema = z.object({
  name: key(
    text(
      "1 to 64 letters, digits, dots, dashes and underscores",
      (value) => /^[A-Za-z0-9._-]{1,64}$/.test(value),
    ),
    {
      description:
        "Who has the token, for the audit log. `admin` is the one of `[admin]` itself.",
    },
  ),
  role: key(oneOf(ROLES), {
    description:
      "A viewer reads, an operator also moves accounts and ends sessions, an admin also changes the configuration.",
  }),
  file: key(filePath().optional(), {
    description: "File with the token; white space around it is ignored.",
    unset: "`hash` has it",
  }),
  hash: key(
    text(
      '"sha256:" and the SHA-256 of the token as 64 hexadecimal digits',
      (value) => parseTokenHash(value) !== null,
    ).optional(),
    {
      description:
        "`sha256:` and the SHA-256 of the token as 64 hexadecimal digits, so that the token itself is nowhere on this host.",
      secret: true,
      unset: "`file` has it",
    },
  ),
});

export const adminSchema = z.object({
  bind: key(endpoint(), {
    description: "Address of the management API.",
  }),
  tls: key(
    z.literal("implicit", {
      error:
        'must be "implicit" because the management API is never served in clear',
    }).prefault("implicit"),
    { description: "Nothing but `implicit`." },
  ),
  bearer_token_file: key(filePath().optional(), {
    description:
      "File with the token; white space around it is ignored. PROXY_ADMIN_TOKEN wins over it.",
    unset: "see `[[admin.token]]`",
  }),
  bearer_token: key(
    text("a string that is not empty", (value) => value.length > 0).optional(),
    {
      description: "The token itself, where there is no file.",
      secret: true,
      unset: "see `[[admin.token]]`",
    },
  ),
  token: key(
    z.array(tokenSchema, expected("tables [[admin.token]]")).prefault([]),
    {
      description:
        "Further tokens, each with a role. Somebody has to be an admin: a token here, or one of `bearer_token`, `bearer_token_file` and PROXY_ADMIN_TOKEN.",
    },
  ),
  min_token_len: key(whole(1, 4096).prefault(32), {
    description: "Shortest token that is accepted, in characters.",
  }),
  lockout_threshold: key(whole(1, 1_000_000).prefault(5), {
    description: "Wrong tokens from one address before it is locked out.",
  }),
  lockout_duration: key(duration().prefault("5m"), {
    description: "How long it is locked out.",
  }),
});
