/** Who may log in how at this moment: the same question in every protocol with a login. */
import type {
  ListenerSnapshot,
  LoginCapabilities,
  Mechanism,
} from "../port/snapshot.ts";

/** What decides on the credentials that a client may send at this moment. */
export interface LoginGate<C extends LoginCapabilities = LoginCapabilities> {
  readonly capabilities: C;
  readonly listener: ListenerSnapshot;
  /** The client's leg is encrypted now. */
  readonly secure: boolean;
}

/** All mechanisms here show a password or a bearer token to whoever reads along. */
export function mayShowSecrets(gate: LoginGate): boolean {
  return gate.secure || gate.capabilities.allowPlainAuthWithoutTls;
}

/**
 * A protocol's own login command (LOGIN, USER) carries what PLAIN and LOGIN carry, so it is served
 * where either of them is: `sasl = ["OAUTHBEARER"]` means that no password is taken in any form.
 */
export function servesPasswords(sasl: readonly Mechanism[]): boolean {
  return sasl.includes("PLAIN") || sasl.includes("LOGIN");
}

/** STARTTLS is there once, and only where it can still be used (RFC 9051 6.2.1, RFC 3207 4.2). */
export function mayStartTls(gate: LoginGate): boolean {
  return gate.listener.tls === "starttls" && !gate.secure;
}
