/** `[admin]`: the management API. */
import { z } from "zod";
import { duration, endpoint, filePath, key, text, whole } from "./scalars.ts";

export const adminSchema = z.object({
  bind: key(endpoint(), {
    description: "Address of the management API.",
    reload: "restart",
  }),
  tls: key(
    z.literal("implicit", {
      error:
        'must be "implicit" because the management API is never served in clear',
    }).prefault("implicit"),
    { description: "Nothing but `implicit`.", reload: "restart" },
  ),
  bearer_token_file: key(filePath().optional(), {
    description:
      "File with the token; white space around it is ignored. PROXY_ADMIN_TOKEN wins over it.",
    reload: "restart",
    unset: "one of the three is required",
  }),
  bearer_token: key(
    text("a string that is not empty", (value) => value.length > 0).optional(),
    {
      description: "The token itself, where there is no file.",
      reload: "restart",
      secret: true,
      unset: "one of the three is required",
    },
  ),
  min_token_len: key(whole(1, 4096).prefault(32), {
    description: "Shortest token that is accepted, in characters.",
    reload: "restart",
  }),
  lockout_threshold: key(whole(1, 1_000_000).prefault(5), {
    description: "Wrong tokens from one address before it is locked out.",
    reload: "restart",
  }),
  lockout_duration: key(duration().prefault("5m"), {
    description: "How long it is locked out.",
    reload: "restart",
  }),
});
