/** Who is asking: bearer tokens, compared in constant time. */
import { createHash, timingSafeEqual } from "node:crypto";
import { type Role, roles } from "./route.ts";

export interface AdminToken {
  /** For the audit log. */
  readonly name: string;
  readonly role: Role;
  readonly token: string;
}

export type Principal = Omit<AdminToken, "token">;

/** Knows the tokens by their digests only. */
export class Authenticator {
  readonly #known: readonly { digest: Uint8Array; principal: Principal }[];

  constructor(tokens: readonly AdminToken[]) {
    this.#known = tokens.map(({ name, role, token }) => ({
      digest: sha256(token),
      principal: { name, role },
    }));
  }

  /** Whose token an Authorization header carries, or null. */
  identify(authorization: string | null): Principal | null {
    // RFC 9110 11.1: the scheme is case-insensitive; RFC 6750 2.1: one space, then the token.
    const token = /^bearer ([^ ]+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return null;
    const digest = sha256(token);
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
    roles.indexOf(principal.role) >= roles.indexOf(needed);
}

const sha256 = (text: string) => createHash("sha256").update(text).digest();
