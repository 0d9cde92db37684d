/** Who may use the management API, as a configuration declares it. */
import { createHash } from "node:crypto";

/** What a token may do; each role includes the ones before it. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = typeof ROLES[number];

/** The name of the token in `bearer_token`, `bearer_token_file` or PROXY_ADMIN_TOKEN. */
export const MAIN_TOKEN = "admin";

/** A token is known by its digest only. */
export interface AdminToken {
  /** For the audit log. */
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, lower-case hexadecimal. */
  readonly digest: string;
}

export function tokenDigest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The digest in `sha256:<64 hexadecimal digits>`; null when it is not of that form. */
export function parseTokenHash(hash: string): string | null {
  return /^sha256:([0-9a-f]{64})$/i.exec(hash)?.[1]?.toLowerCase() ?? null;
}
