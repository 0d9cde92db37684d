/** One dialogue against a peer that has said everything already, whatever it is told. */
import { LineTooLong } from "../../src/net/line_reader.ts";
import {
  BackendFailure,
  type BackendVerdict,
  type LineProtocol,
  type Login,
} from "../../src/protocols/protocol.ts";
import { SessionEnd } from "../../src/protocols/session_end.ts";
import { passwordCredentials } from "../../src/sasl/password.ts";
import {
  DialogueLeg,
  FORWARDED,
  legFrom,
  listenerFrom,
  snapshotFrom,
} from "./dialogue_session.ts";
import { MemoryStream } from "./memory_stream.ts";

type Settings = Readonly<Record<string, string>>;

/** One byte for each character. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export interface Spoken {
  /** Logins as `method|authzid|authcid|password` or `method|user|token`. */
  readonly logins: string[];
  /** Lines written, the greeting left out. */
  readonly lines: string[];
  readonly failures: number;
  /** "gone", "line" for LineTooLong, or why the session ended. */
  readonly end: string;
}

/** Speak to a frontend whose logins all come to nothing, until the client's bytes have run out. */
export async function speak(
  protocol: LineProtocol,
  input: string | Uint8Array,
  pieceSize?: () => number,
  settings: Settings = {},
): Promise<Spoken> {
  const { stream, front, failures } = frontOf(
    protocol,
    input,
    pieceSize,
    settings,
  );
  const logins: string[] = [];
  let end = "gone";
  try {
    for (let login; (login = await front.nextLogin()) !== null;) {
      logins.push(loginText(login));
      const next = await front.refuse(login, { kind: "unavailable" });
      if (next === "close") break;
    }
  } catch (error) {
    if (error instanceof SessionEnd) end = error.reason;
    else if (error instanceof LineTooLong) end = "line";
    else throw error;
  }
  return {
    logins,
    lines: stream.written.split("\r\n").slice(0, -1),
    failures: failures(),
    end,
  };
}

/** What is left in the reader once a login is complete. */
export async function leftBehindLogin(
  protocol: LineProtocol,
  input: string,
): Promise<Uint8Array> {
  const { leg, front } = frontOf(protocol, input, undefined, {});
  await front.nextLogin();
  return leg.reader.handOver().buffered;
}

function frontOf(
  protocol: LineProtocol,
  input: string | Uint8Array,
  pieceSize: (() => number) | undefined,
  settings: Settings,
) {
  const stream = new MemoryStream(
    typeof input === "string" ? bytes(input) : input,
    pieceSize,
  );
  const map = new Map(Object.entries(settings));
  const listener = listenerFrom(map, protocol.name);
  const leg = new DialogueLeg(
    stream,
    listener.tls === "implicit",
    true,
    new SessionEnd("cleartext-after-starttls"),
  );
  let failures = 0;
  const front = protocol.frontend(
    Object.assign(leg, { countFailure: () => void failures++ }),
    {
      listener,
      snapshot: snapshotFrom(map),
      hostname: "h",
      sessionId: "s",
    },
  );
  return { stream, leg, front, failures: () => failures };
}

function loginText({ credentials, method }: Login): string {
  return credentials.kind === "password"
    ? `${method}|${credentials.authzid}|${credentials.authcid}|${credentials.password.reveal()}`
    : `${method}|${credentials.user}|${credentials.token.reveal()}`;
}

/** A refusal that says nothing about the credentials is "temporary". */
export function describe(verdict: BackendVerdict): string {
  return verdict.kind === "refused" && verdict.temporary
    ? "temporary"
    : verdict.kind;
}

export interface Met {
  /** The verdict, or `STAGE: message` of a failure. */
  readonly result: string;
  readonly written: string;
}

/** What becomes of alice's login, password "secret", at a backend that says just this. */
export async function meet(
  protocol: LineProtocol,
  input: string | Uint8Array,
  settings: Settings = {},
): Promise<Met> {
  const stream = new MemoryStream(
    typeof input === "string" ? bytes(input) : input,
  );
  const io = new DialogueLeg(
    stream,
    false,
    true,
    new BackendFailure("starttls", "left over"),
  );
  const leg = legFrom(new Map(Object.entries(settings)), protocol.name);
  const context = { leg, forwarded: FORWARDED };
  const login: Login = {
    credentials: passwordCredentials("alice", "secret")!,
    method: "PLAIN",
    challenge: () => Promise.resolve(null),
  };
  let result: string;
  try {
    const offer = await protocol.openBackend(io, context);
    result = describe(
      await protocol.authenticate(io, context, offer, login),
    );
  } catch (error) {
    if (!(error instanceof BackendFailure)) throw error;
    result = `${error.stage}: ${error.message}`;
  }
  return { result, written: stream.written };
}
