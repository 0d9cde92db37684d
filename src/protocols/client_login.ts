/** What the logins of every protocol have in common on the client's side. */
import { LineTooLong } from "../net/line_reader.ts";
import type { Mechanism } from "../port/snapshot.ts";
import { decodeBase64, encodeBase64 } from "../sasl/base64.ts";
import type { Credentials } from "../sasl/credentials.ts";
import { type Ask, SASL_DATA_LIMIT, serverExchange } from "../sasl/exchange.ts";
import type { Login } from "./protocol.ts";
import { SessionEnd } from "./session_end.ts";

/** The client left in the middle of a command. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/**
 * Read and serve commands until one of them is a login; null when the client went away, be it in the
 * middle of a command.
 */
export async function loginFrom<C, L extends Login>(
  read: () => Promise<C | null>,
  serve: (command: C) => Promise<"next" | L>,
): Promise<L | null> {
  try {
    for (;;) {
      const command = await read();
      if (command === null) return null;
      const outcome = await serve(command);
      if (outcome !== "next") return outcome;
    }
  } catch (error) {
    if (error instanceof ClientGone) return null;
    throw error;
  }
}

/** A complete login. `ask` sends a challenge in the protocol's form. */
export class ClientLogin implements Login {
  /** The client answered a challenge with `*`; the backend's complaint about that is not its business. */
  aborted = false;

  constructor(
    readonly method: string,
    readonly credentials: Credentials,
    private readonly ask: Ask,
  ) {}

  async challenge(data: Uint8Array): Promise<Uint8Array | null> {
    const answer = await this.ask(encodeBase64(data));
    if (answer === null) throw new SessionEnd("client-closed");
    const decoded = answer === "*" ? null : decodeBase64(answer);
    this.aborted = decoded === null;
    return decoded;
  }
}

/**
 * The credentials of a SASL exchange (as serverExchange in src/sasl/exchange.ts), or why the client
 * is to be told no. Throws LineTooLong, and ClientGone when it went away.
 */
export async function readCredentials(
  mechanism: Mechanism,
  initial: string | null,
  ask: Ask,
): Promise<Credentials | "aborted" | "malformed"> {
  const result = await serverExchange(mechanism, initial, ask);
  if ("credentials" in result) return result.credentials;
  switch (result.failure) {
    case "too-long":
      throw new LineTooLong(SASL_DATA_LIMIT);
    case "closed":
      throw new ClientGone();
    default:
      return result.failure;
  }
}
