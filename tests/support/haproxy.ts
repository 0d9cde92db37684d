/** A private HAProxy that hands connections on, or requests. */
import { freePorts } from "./ports.ts";
import { until } from "./wait.ts";

export interface Handover {
  readonly port: number;
  /** Behind `server NAME ADDRESS`: `send-proxy`, say. */
  readonly options: string;
  /** More lines of its section: `mode http`, say. */
  readonly lines?: readonly string[];
}

export class Haproxy implements AsyncDisposable {
  private constructor(
    private readonly process: Deno.ChildProcess,
    /** Where it takes the connections of each handover, in their order. */
    readonly ports: readonly number[],
  ) {}

  static async start(
    folder: string,
    handovers: readonly Handover[],
  ): Promise<Haproxy> {
    const ports = freePorts(handovers.length);
    const parts = handovers.map(({ port, options, lines = [] }, i) =>
      `listen part${i}\n  bind 127.0.0.1:${ports[i]}\n` +
      lines.map((line) => `  ${line}\n`).join("") +
      `  unique-id-format edge-%ci-%cp\n` +
      `  server main 127.0.0.1:${port} ${options}\n`
    );
    const file = `${folder}/haproxy-${ports[0]}.cfg`;
    await Deno.writeTextFile(
      file,
      "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n" +
        `  timeout server 60s\n${parts.join("")}`,
    );
    const process = new Deno.Command("haproxy", {
      args: ["-db", "-f", file],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const haproxy = new Haproxy(process, ports);
    try {
      await until("HAProxy", () => isListening(ports.at(-1)!));
    } catch (error) {
      await haproxy[Symbol.asyncDispose]();
      throw error;
    }
    return haproxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGTERM");
    } catch {
      // It ended by itself: its configuration was refused, and the wait above has said so.
    }
    await this.process.status;
  }
}

/** Without a connection, which would be handed on. */
function isListening(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return new RegExp(`: [0-9A-F]{8}:${hex} [0-9A-F:]+ 0A `)
    .test(Deno.readTextFileSync("/proc/net/tcp"));
}
