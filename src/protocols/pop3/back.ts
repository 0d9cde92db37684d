/** The dialogue with a POP3 backend up to and with the login. */
import {
  actsAsAnother,
  CHALLENGE_LIMIT,
  saslReplay,
  sendAuth,
} from "../sasl_replay.ts";
import type { SaslReplay } from "../sasl_replay.ts";
import type { PasswordCredentials } from "../../sasl/credentials.ts";
import { BackendLines, excerpt, lineText } from "../backend_lines.ts";
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
  type BackendVerdict,
  type FailureStage,
  type Login,
} from "../protocol.ts";
import { forwardBeforeLogin, LOGIN_ATTRIBUTES } from "../xclient.ts";
import {
  capabilityWords,
  parseReply,
  type Reply,
  SENT_LINE_LIMIT,
} from "./wire.ts";

/** How Dovecot tells a trusted network that XCLIENT is there; its CAPA does not. */
const GREETING_CODE = /^\[XCLIENT\]/i;
const CANNOT = "-ERR Authentication mechanism not available here";

/** Greeting, STLS where the leg says so, capabilities, XCLIENT. Throws BackendFailure. */
export async function openBackend(
  io: BackendIo,
  context: BackendContext,
): Promise<BackendOffer> {
  const greeting = await readGreeting(io);
  if (context.leg.tls === "starttls") await startTls(io);
  // RFC 2595 4: what was announced in clear is discarded and asked for again.
  const capabilities = await readCapabilities(io, "greeting");
  if (GREETING_CODE.test(greeting)) capabilities.add("XCLIENT");
  await forward(io, context, capabilities);
  return { greeting, capabilities };
}

/** Replay the login by the best way that the backend offers. Throws BackendFailure without a verdict. */
export async function authenticate(
  io: BackendIo,
  context: BackendContext,
  offer: BackendOffer,
  login: Login,
): Promise<BackendVerdict> {
  const { capabilities } = offer;
  // The client's mode is agreed on before its login only (RFC 6856 2); without it all goes on as it did.
  if (login.utf8 && capabilities.has("UTF8")) {
    await transact(io, "auth", "UTF8");
  }
  const replay = saslReplay(
    context,
    login,
    (mechanism) => capabilities.has(`SASL ${mechanism}`),
  );
  if (replay !== null) {
    return await verdict(io, await sendAuth(io, replay, SENT_LINE_LIMIT));
  }
  const { credentials } = login;
  // The client chose what this backend lacks: its login is refused, the backend is not at fault.
  if (credentials.kind === "token" || actsAsAnother(credentials)) {
    return { kind: "refused", lines: [CANNOT] };
  }
  return await replayUser(io, credentials);
}

async function readGreeting(io: BackendIo): Promise<string> {
  const lines: BackendLines = new BackendLines(io, "greeting");
  const line = lineText(await lines.line());
  const reply = parseReply(line);
  if (reply?.kind !== "ok") lines.fail(`greeting is ${excerpt(line)}`);
  return reply.text;
}

/** RFC 2595 4. */
async function startTls(io: BackendIo): Promise<void> {
  if (!(await readCapabilities(io, "starttls")).has("STLS")) {
    throw new BackendFailure("starttls", "backend: STLS is not offered");
  }
  const { kind, text } = await transact(io, "starttls", "STLS");
  if (kind !== "ok") {
    throw new BackendFailure(
      "starttls",
      `backend: STLS refused with ${excerpt(text)}`,
    );
  }
  await io.startTls();
}

/** RFC 2449 5; nothing at all from a server that is older than that. */
async function readCapabilities(
  io: BackendIo,
  stage: FailureStage,
): Promise<Set<string>> {
  await io.write("CAPA\r\n");
  const lines = new BackendLines(io, stage);
  if ((await readReply(lines)).kind !== "ok") return new Set();
  const listed: string[] = [];
  for (;;) {
    const line = lineText(await lines.line());
    if (line === ".") return capabilityWords(listed);
    listed.push(line);
  }
}

/** The client's address by XCLIENT; a backend that refuses it goes on without. */
async function forward(
  io: BackendIo,
  { leg, forwarded, forwardingRefused }: BackendContext,
  capabilities: ReadonlySet<string>,
): Promise<void> {
  if (leg.forwarding !== "xclient" || forwarded === null) return;
  if (!capabilities.has("XCLIENT")) return;
  const listed = [...LOGIN_ATTRIBUTES].filter((name) =>
    capabilities.has(`XCLIENT ${name}`)
  );
  const offered = listed.length > 0 ? new Set(listed) : LOGIN_ATTRIBUTES;
  const refused = await forwardBeforeLogin(
    forwarded,
    offered,
    async (command) => {
      const { kind, text } = await transact(io, "forwarding", command);
      return kind === "ok" ? null : text;
    },
  );
  if (refused !== null) forwardingRefused?.(excerpt(refused));
}

/** RFC 1939 7. */
async function replayUser(
  io: BackendIo,
  { authcid, password }: PasswordCredentials,
): Promise<BackendVerdict> {
  await io.writeSecret(`USER ${authcid}\r\n`);
  const user = await verdict(io);
  if (user.kind === "refused") return user;
  await io.writeSecret(`PASS ${password.reveal()}\r\n`);
  return await verdict(io);
}

/** RFC 2449 8.1 and RFC 3206 4: codes that say nothing about the credentials. */
const TEMPORARY = /^\[(SYS\/TEMP|IN-USE|LOGIN-DELAY)\]/i;

/** The reply that is none of the challenges that `answer` has an answer for. */
async function verdict(
  io: BackendIo,
  answer?: SaslReplay["answer"],
): Promise<BackendVerdict> {
  const lines: BackendLines = new BackendLines(io, "auth");
  for (let challenges = 0;; challenges++) {
    const { kind, text } = await readReply(lines);
    switch (kind) {
      case "ok":
        return { kind: "accepted", reply: { text, before: [] } };
      case "err":
        return {
          kind: "refused",
          lines: [`-ERR ${text}`.trimEnd()],
          temporary: TEMPORARY.test(text),
        };
      case "challenge":
        if (!answer) lines.fail("unexpected challenge");
        if (challenges >= CHALLENGE_LIMIT) lines.fail("too many challenges");
        // RFC 5034 4: `*` cancels.
        await io.writeSecret(`${await answer(text) ?? "*"}\r\n`);
    }
  }
}

/** One command that has a reply of one line. */
async function transact(
  io: BackendIo,
  stage: FailureStage,
  command: string,
): Promise<Reply> {
  await io.write(`${command}\r\n`);
  const lines: BackendLines = new BackendLines(io, stage);
  const reply = await readReply(lines);
  if (reply.kind === "challenge") lines.fail("unexpected challenge");
  return reply;
}

async function readReply(lines: BackendLines): Promise<Reply> {
  const line = lineText(await lines.line());
  return parseReply(line) ??
    lines.fail(`unexpected reply${lines.shown(line)}`);
}
