/** The JMAP client of tests/clients as a process that holds its connections from one command to the next. */
import { until } from "./wait.ts";

/** A message as it was read. */
export interface ReadMail {
  readonly subject: string;
  readonly text: string;
}

/** A command that failed, and the status of the last response. */
export class JmapFailure extends Error {
  constructor(message: string, readonly status: number) {
    super(`${message} (${status})`);
  }
}

interface Answer {
  readonly ok?: unknown;
  readonly failed?: string;
  readonly status?: number;
  readonly event?: unknown;
}

const FOLDER = new URL("../clients/", import.meta.url).pathname;

export class JmapClient implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #commands: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: Answer[] = [];
  readonly #reading: Promise<void>;
  /** What it was told unasked: state changes, and "lost" for an event source that ended. */
  readonly events: unknown[] = [];

  /** `url`: scheme, host and port of the server; `authorization`: the value of the header. */
  constructor(url: string, authorization: string, caFile: string) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", "--frozen", "--quiet"],
        ...["--config", `${FOLDER}deno.json`, "--cert", caFile],
        ...[`${FOLDER}jmap.ts`, url, authorization],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#commands = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** All mail, by subject. */
  read(): Promise<ReadMail[]> {
    return this.command("read") as Promise<ReadMail[]>;
  }

  /** Upload a message, put it into the inbox and download it again: how many octets went and came, and whether they are the same. */
  store(
    subject: string,
    size: number,
  ): Promise<{ sent: number; back: number; same: boolean }> {
    return this.command("store", subject, String(size)) as Promise<
      { sent: number; back: number; same: boolean }
    >;
  }

  /** One of the commands of the program. Throws JmapFailure. */
  async command(name: string, ...args: string[]): Promise<unknown> {
    const line = [name, ...args].join(" ") + "\n";
    await this.#commands.write(new TextEncoder().encode(line));
    const { ok, failed, status } = await until(
      `the answer to ${name}`,
      () => this.#answers.shift(),
    ) as Answer;
    if (failed !== undefined) throw new JmapFailure(failed, status!);
    return ok;
  }

  async #read(): Promise<void> {
    const lines = this.#process.stdout.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const chunk of lines) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      for (const part of parts) {
        const answer: Answer = JSON.parse(part);
        if ("event" in answer) this.events.push(answer.event);
        else this.#answers.push(answer);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#reading;
    await this.#commands.abort().catch(() => {});
  }
}
