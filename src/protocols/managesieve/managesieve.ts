import type { LineProtocol } from "../protocol.ts";
import { authenticate, openBackend } from "./back.ts";
import { ManageSieveFrontend } from "./front.ts";

/** ManageSieve (RFC 5804). */
export const managesieve: LineProtocol = {
  name: "managesieve",
  frontend: (io, context) => new ManageSieveFrontend(io, context),
  openBackend,
  authenticate,
};
