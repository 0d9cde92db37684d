/** Reads the first message of alice's mailbox through the proxy, as curl would. */
import { writeAll } from "../net/byte_stream.ts";
import { close } from "../net/bridge.ts";
import { dial } from "../net/dial.ts";
import { LineReader } from "../net/line_reader.ts";
import { ALICE, fingerprint, type Ground } from "./ground.ts";
import { HOST } from "./place.ts";

const TIMEOUT_MS = 10_000;
const LINE_LIMIT = 8192;

/** Answers the message; rejects with the proxy's own words when it refuses. */
export async function readFirstMail(
  { place, certPem }: Ground,
): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const raw = await dial(
    {
      host: HOST,
      port: place.ports.imaps,
      trust: {
        kind: "pin",
        serverName: "localhost",
        sha256: fingerprint(certPem),
      },
    },
    undefined,
    signal,
  );
  const stop = () => close(raw.stream);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const stream = await raw.startTls();
    try {
      const dialogue = new ImapDialogue(
        new LineReader(stream),
        (text) => writeAll(stream, new TextEncoder().encode(text)),
      );
      await dialogue.transact(`LOGIN ${ALICE.user} ${ALICE.password}`);
      await dialogue.transact("SELECT INBOX");
      return await dialogue.transact("FETCH 1 BODY[]");
    } finally {
      close(stream);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

class ImapDialogue {
  #next = 1;

  constructor(
    private readonly reader: LineReader,
    private readonly write: (text: string) => Promise<void>,
  ) {}

  /** One command. Answers the literal that came with it, "" where there was none. */
  async transact(command: string): Promise<string> {
    const tag = `A${this.#next++}`;
    await this.write(`${tag} ${command}\r\n`);
    let literal = "";
    for (;;) {
      const line = await this.#readLine();
      const size = /\{(\d+)\}$/.exec(line)?.[1];
      if (size !== undefined) {
        literal = decode(await this.reader.readBytes(Number(size)));
      }
      if (!line.startsWith(`${tag} `)) continue;
      if (!line.startsWith(`${tag} OK`)) throw new Error(line);
      return literal;
    }
  }

  async #readLine(): Promise<string> {
    return decode((await this.reader.readLine(LINE_LIMIT))?.bytes);
  }
}

function decode(bytes: Uint8Array | null | undefined): string {
  if (!bytes) throw new Error("the proxy closed the connection");
  return new TextDecoder().decode(bytes);
}
