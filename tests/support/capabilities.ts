import type {
  Capabilities,
  LoginCapabilities,
} from "../../src/port/snapshot.ts";

/** What a test's proxy says of itself before login; `login` and `advertise` count for every protocol. */
export function capabilitiesOf(
  login: LoginCapabilities,
  advertise: readonly string[] = ["IMAP4rev1", "SASL-IR", "LITERAL+", "ID"],
): Capabilities {
  return {
    imap: { ...login, banner: "ready", advertise },
    pop3: { ...login, banner: "ready" },
    managesieve: {
      ...login,
      implementation: "mailferry",
      sieve: ["fileinto", "vacation"],
    },
    submission: {
      ...login,
      banner: "ready",
      ehlo: ["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"],
    },
  };
}
