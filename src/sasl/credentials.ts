/**
 * What a client proved itself with, held for the length of the replay only (spec section 3).
 */

const HIDDEN = "[secret]";

/** A string that no log, error or JSON shows by accident. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  /** The only way to the value; call it where bytes are written to a leg, nowhere else. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return HIDDEN;
  }
  toJSON(): string {
    return HIDDEN;
  }
  [Symbol.for("Deno.customInspect")](): string {
    return HIDDEN;
  }
}

/** A user name and password, from PLAIN, LOGIN or a protocol's own login command. */
export interface PasswordCredentials {
  readonly kind: "password";
  /** Authentication identity (RFC 4616). */
  readonly authcid: string;
  /** Authorization identity, "" when none was given. */
  readonly authzid: string;
  readonly password: Secret;
}

/** A bearer token, from OAUTHBEARER (RFC 7628) or XOAUTH2. */
export interface TokenCredentials {
  readonly kind: "token";
  readonly mechanism: "OAUTHBEARER" | "XOAUTH2";
  /** `a=` of the GS2 header, or `user=`; "" when none was given. */
  readonly user: string;
  readonly token: Secret;
  /** The client's whole initial response, replayed as it came. */
  readonly response: Secret;
}

export type Credentials = PasswordCredentials | TokenCredentials;
