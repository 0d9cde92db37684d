/** Who is asking: bearer tokens, compared in constant time. */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import {
  type AdminToken,
  type Role,
  ROLES,
  tokenDigest,
} from "../config/tokens.ts";

export type Principal = Omit<AdminToken, "digest">;

export class Authenticator {
  readonly #known: readonly { digest: Uint8Array; principal: Principal }[];

  constructor(tokens: readonly AdminToken[]) {
    this.#known = tokens.map(({ name, role, digest }) => ({
      digest: Buffer.from(digest, "hex"),
      principal: { name, role },
    }));
  }

  /** Whose token an Authorization header carries, or null. */
  identify(authorization: string | null): Principal | null {
    // RFC 9110 11.1: the scheme is case-insensitive; RFC 6750 2.1: one space, then the token.
    const token = /^bearer ([^ ]+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return null;
    const digest = Buffer.from(tokenDigest(token), "hex");
    let found: Principal | null = null;
    // Every token is compared, so that the time does not tell which one came close.
    for (const { digest: known, principal } of this.#known) {
      if (timingSafeEqual(digest, known)) found = principal;
    }
    return found;
  }
}

/** True when a principal may use what is declared for `needed`. */
export function allows(
  principal: Principal,
  needed: Role | "public",
): boolean {
  return needed === "public" ||
    ROLES.indexOf(principal.role) >= ROLES.indexOf(needed);
}
