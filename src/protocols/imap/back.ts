/** The dialogue with an IMAP backend up to the moment before the login. */
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
  type FailureStage,
  type ForwardedClient,
} from "../protocol.ts";
import { excerpt } from "../backend_lines.ts";
import { quoted } from "../literal.ts";
import { ResponseReader } from "./responses.ts";
import { isQuotable } from "./wire.ts";

/** RFC 9051 7.1: the capability code that a greeting or a tagged OK may carry. */
const CAPABILITY_CODE = /^\[CAPABILITY ([^\]]*)\]/i;
const CAPABILITY_RESPONSE = /^CAPABILITY (.*)$/i;

/** Greeting, STARTTLS where the leg says so, capabilities, ID. Throws BackendFailure. */
export async function openBackend(
  io: BackendIo,
  context: BackendContext,
): Promise<BackendOffer> {
  const greeting = await readGreeting(io);
  let announced = CAPABILITY_CODE.exec(greeting)?.[1];
  if (context.leg.tls === "starttls") {
    await startTls(io, await capabilities(io, "starttls", "C1", announced));
    // RFC 9051 6.2.1: what was announced in clear is discarded and asked for again.
    announced = undefined;
  }
  const { forwarded, leg } = context;
  // A probe asks in any case: a greeting alone does not show that a PROXY header was understood.
  if (forwarded === null) announced = undefined;
  const words = await capabilities(io, "greeting", "C2", announced);
  if (leg.forwarding === "xclient" && forwarded !== null && words.has("ID")) {
    await forward(io, forwarded);
  }
  return { greeting, capabilities: words };
}

/** RFC 9051 7.1: OK, PREAUTH or BYE, nothing else and nothing before it. */
async function readGreeting(io: BackendIo): Promise<string> {
  const reader: ResponseReader = new ResponseReader(io, "greeting");
  const response = await reader.next("");
  if (response.kind !== "untagged") reader.fail("no IMAP greeting");
  reader.refuseBye(response.text);
  const ok = /^OK(?: (.*))?$/is.exec(response.text);
  // PREAUTH would give every client the backend's idea of a user (RFC 9051 7.1.4).
  if (ok === null) reader.fail(`greeting is ${excerpt(response.text)}`);
  return ok[1] ?? "";
}

async function startTls(
  io: BackendIo,
  words: ReadonlySet<string>,
): Promise<void> {
  if (!words.has("STARTTLS")) {
    throw new BackendFailure("starttls", "backend: STARTTLS is not offered");
  }
  await io.write("T1 STARTTLS\r\n");
  const reader: ResponseReader = new ResponseReader(io, "starttls");
  const { status, text } = await reader.completion("T1");
  if (status !== "OK") {
    reader.fail(`STARTTLS refused with ${excerpt(`${status} ${text}`)}`);
  }
  await io.startTls();
}

/** Upper-case words, from what was announced or else by asking (RFC 9051 6.1.1). */
async function capabilities(
  io: BackendIo,
  stage: FailureStage,
  tag: string,
  announced: string | undefined,
): Promise<ReadonlySet<string>> {
  if (announced !== undefined) return words(announced);
  await io.write(`${tag} CAPABILITY\r\n`);
  const reader: ResponseReader = new ResponseReader(io, stage);
  const { status, text, untagged } = await reader.completion(tag);
  if (status !== "OK") {
    reader.fail(`CAPABILITY refused with ${excerpt(`${status} ${text}`)}`);
  }
  const list = untagged.map((line) => CAPABILITY_RESPONSE.exec(line)?.[1])
    .findLast((found) => found !== undefined);
  if (list === undefined) reader.fail("no capabilities given");
  return words(list);
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.toUpperCase().split(" ").filter((word) => word !== ""));
}

/**
 * The client's address in the fields that Dovecot takes from trusted networks, in the order that
 * compatibility.md names. A backend that answers NO or BAD goes on without (RFC 2971 3.1: the
 * command has no effect on the state).
 */
async function forward(
  io: BackendIo,
  forwarded: ForwardedClient,
): Promise<void> {
  const fields: readonly (readonly [string, string])[] = [
    ["x-originating-ip", forwarded.client.hostname],
    ["x-originating-port", String(forwarded.client.port)],
    ["x-connected-ip", forwarded.local.hostname],
    ["x-connected-port", String(forwarded.local.port)],
    ["x-proxy-ttl", String(forwarded.ttl)],
    ["x-session-id", forwarded.sessionId],
    ["x-client-transport", forwarded.secure ? "TLS" : "insecure"],
  ];
  const list = fields.filter(([, value]) => isQuotable(value))
    .map(([name, value]) => `${quoted(name)} ${quoted(value)}`).join(" ");
  await io.write(`I1 ID (${list})\r\n`);
  await new ResponseReader(io, "forwarding").completion("I1");
}
