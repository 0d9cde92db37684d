/** The dialogue with a ManageSieve backend up to its verdict on the login (RFC 5804). */
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
  type BackendVerdict,
  type ForwardedClient,
  type Login,
} from "../protocol.ts";
import { excerpt } from "../backend_lines.ts";
import {
  CHALLENGE_LIMIT,
  type SaslReplay,
  saslReplay,
} from "../sasl_replay.ts";
import { forwardBeforeLogin, LOGIN_ATTRIBUTES } from "../xclient.ts";
import { no } from "./replies.ts";
import { ResponseReader } from "./responses.ts";
import { encodeString } from "./wire.ts";

/** Greeting, STARTTLS where the leg says so, capabilities, XCLIENT. Throws BackendFailure. */
export async function openBackend(
  io: BackendIo,
  context: BackendContext,
): Promise<BackendOffer> {
  let offer = await new ResponseReader(io, "greeting").capabilities("greeting");
  if (context.leg.tls === "starttls") {
    // RFC 5804 2.2: what was announced in clear is discarded.
    offer = await startTls(io, offer);
  }
  const { forwarded, leg } = context;
  if (forwarded === null) {
    // A greeting alone does not show that a PROXY header was understood.
    await io.write("CAPABILITY\r\n");
    return await new ResponseReader(io, "greeting").capabilities("CAPABILITY");
  }
  if (leg.forwarding === "xclient" && offer.capabilities.has("XCLIENT")) {
    await forward(io, context, offer, forwarded);
  }
  return offer;
}

/** RFC 5804 2.2. */
async function startTls(
  io: BackendIo,
  { capabilities }: BackendOffer,
): Promise<BackendOffer> {
  if (!capabilities.has("STARTTLS")) {
    throw new BackendFailure("starttls", "backend: STARTTLS is not offered");
  }
  await io.write("STARTTLS\r\n");
  const reader: ResponseReader = new ResponseReader(io, "starttls");
  const { status, text } = await reader.final();
  if (status !== "OK") {
    reader.fail(`STARTTLS refused with ${excerpt(`${status} ${text}`)}`);
  }
  await io.startTls();
  return await new ResponseReader(io, "starttls").capabilities(
    "the answer behind STARTTLS",
  );
}

/** Dovecot's form of XCLIENT. A backend that answers NO goes on without. */
async function forward(
  io: BackendIo,
  context: BackendContext,
  { capabilities }: BackendOffer,
  forwarded: ForwardedClient,
): Promise<void> {
  const listed = [...LOGIN_ATTRIBUTES].filter((name) =>
    capabilities.has(`XCLIENT=${name}`)
  );
  // Dovecot lists none and skips those that it does not know.
  const attributes = listed.length > 0 ? new Set(listed) : LOGIN_ATTRIBUTES;
  const refused = await forwardBeforeLogin(
    forwarded,
    attributes,
    async (command) => {
      await io.write(`${command}\r\n`);
      const reader: ResponseReader = new ResponseReader(io, "forwarding");
      const { status, text } = await reader.final();
      return status === "OK" ? null : `${status} ${text}`;
    },
  );
  if (refused !== null) context.forwardingRefused?.(excerpt(refused));
}

/** Replay the login (RFC 5804 2.1). Throws BackendFailure without a verdict. */
export function authenticate(
  io: BackendIo,
  context: BackendContext,
  offer: BackendOffer,
  login: Login,
): Promise<BackendVerdict> {
  const replay = saslReplay(
    context,
    login,
    (mechanism) => offer.capabilities.has(`SASL=${mechanism}`),
  );
  if (replay !== null) return sasl(io, replay);
  if (login.credentials.kind === "password") {
    throw new BackendFailure("auth", "backend: SASL PLAIN is not offered");
  }
  // The client chose what this backend lacks: its login is refused, the backend is not at fault.
  const line = no("Authentication mechanism not available here").trimEnd();
  return Promise.resolve({ kind: "refused", lines: [line] });
}

async function sasl(
  io: BackendIo,
  { mechanism, message, answer }: SaslReplay,
): Promise<BackendVerdict> {
  const reader: ResponseReader = new ResponseReader(io, "auth");
  await io.writeSecret(
    `AUTHENTICATE "${mechanism}" ${encodeString(message, "client")}\r\n`,
  );
  for (let challenges = 0;;) {
    const response = await reader.next();
    if (response.kind === "final") {
      const { status, text } = response;
      return status === "OK"
        ? { kind: "accepted", reply: { text, before: [] } }
        : {
          kind: "refused",
          lines: [`${status} ${text}`.trimEnd()],
          // RFC 5804 1.3
          temporary: /^\(TRYLATER\b/i.test(text),
        };
    }
    const [challenge, ...more] = response.strings;
    if (challenge === undefined || more.length > 0) {
      reader.fail("unexpected response");
    }
    if (++challenges > CHALLENGE_LIMIT) reader.fail("too many challenges");
    // RFC 5804 2.1: the string "*" cancels.
    const given = await answer(challenge) ?? "*";
    await io.writeSecret(`${encodeString(given, "client")}\r\n`);
  }
}
