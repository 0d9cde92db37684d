/** The dialogue with an SMTP backend up to the moment before the login. */
import { excerpt } from "../backend_lines.ts";
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
  type FailureStage,
  type ForwardedClient,
} from "../protocol.ts";
import { xclientCommands } from "../xclient.ts";
import { ReplyReader } from "./responses.ts";
import { domainOf, type EhloKeywords, parseEhlo } from "./wire.ts";

/**
 * Greeting, EHLO, STARTTLS where the leg says so, XCLIENT. Throws BackendFailure. The offer's
 * capabilities are the keywords of the last EHLO and `AUTH=` with each mechanism.
 */
export async function openBackend(
  io: BackendIo,
  context: BackendContext,
): Promise<BackendOffer> {
  const { forwarded, leg } = context;
  // RFC 5321 3.1.
  const greeting = await new ReplyReader(io, "greeting")
    .expect(220, "greeting");
  // RFC 2033 4.1.
  const verb = leg.protocol === "lmtp" ? "LHLO" : "EHLO";
  const hello = `${verb} ${heloName(forwarded)}`;
  let keywords = await ehlo(io, "greeting", hello);
  if (leg.tls === "starttls") {
    await startTls(io, keywords);
    // RFC 3207 4.2: what was said in clear is discarded and asked for again.
    keywords = await ehlo(io, "starttls", hello);
  }
  if (leg.forwarding === "xclient" && forwarded !== null) {
    const told = await forward(io, context, forwarded, keywords);
    // The backend is as at its greeting now, and may offer this client something else.
    if (told) keywords = await ehlo(io, "forwarding", hello);
  }
  const mechanisms = keywords.get("AUTH") ?? [];
  return {
    greeting: greeting.lines.map((line) => line.slice(4)).join(" "),
    capabilities: new Set([
      ...keywords.keys(),
      ...mechanisms.map((mechanism) => `AUTH=${mechanism}`),
    ]),
  };
}

/** The client's own name for itself; without one its address (RFC 5321 4.1.1.1). */
function heloName(forwarded: ForwardedClient | null): string {
  return forwarded?.hello?.name ??
    domainOf(forwarded?.client.hostname ?? "127.0.0.1");
}

async function ehlo(
  io: BackendIo,
  stage: FailureStage,
  hello: string,
): Promise<EhloKeywords> {
  await io.write(`${hello}\r\n`);
  // A server that knows only HELO has no AUTH either (RFC 4954 3).
  const reply = await new ReplyReader(io, stage).expect(250, "EHLO");
  return parseEhlo(reply.lines);
}

/** RFC 3207 4. */
async function startTls(io: BackendIo, keywords: EhloKeywords): Promise<void> {
  if (!keywords.has("STARTTLS")) {
    throw new BackendFailure("starttls", "backend: STARTTLS is not offered");
  }
  await io.write("STARTTLS\r\n");
  await new ReplyReader(io, "starttls").expect(220, "STARTTLS");
  await io.startTls();
}

/** True when the backend took at least one of the commands: it greets again after each. */
async function forward(
  io: BackendIo,
  context: BackendContext,
  forwarded: ForwardedClient,
  keywords: EhloKeywords,
): Promise<boolean> {
  const attributes = keywords.get("XCLIENT");
  // Postfix lists it only to those whom it lets use it.
  if (!attributes) context.forwardingRefused?.("XCLIENT is not offered");
  let told = false;
  for (const command of xclientCommands(forwarded, new Set(attributes))) {
    await io.write(`${command}\r\n`);
    const { code, lines } = await new ReplyReader(io, "forwarding").next();
    if (code !== 220) {
      context.forwardingRefused?.(excerpt(lines.join(" ")));
      break;
    }
    told = true;
  }
  return told;
}
