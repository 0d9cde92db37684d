/** A stage whose proxy can be taken over from. */
import { dialUnix } from "../../src/net/unix_socket.ts";
import { writeAll } from "../../src/net/byte_stream.ts";
import { merge, type Table } from "./proxy_config.ts";
import { Stage, type StageOptions } from "./stage.ts";

export interface TakeoverStage extends AsyncDisposable {
  readonly stage: Stage;
  /** The path of the runtime socket. */
  readonly socket: string;
  /** The state folder. */
  readonly state: string;
}

/** Sessions of a process that was taken over from go on for as long as a test takes. */
const LONG = "10m";

export async function takeoverStage(
  options: StageOptions = {},
): Promise<TakeoverStage> {
  const folder = await Deno.makeTempDir({ prefix: "mailferry-socket-" });
  const socket = `${folder}/s`;
  const state = `${folder}/state`;
  const own: Table = {
    server: { shutdown_grace: LONG, state_dir: state },
    runtime: {
      socket: [{ path: socket, level: "admin", expose_listeners: true }],
    },
  };
  const config = merge(own, options.config ?? {});
  const stage = await Stage.create({ ...options, config });
  return {
    stage,
    socket,
    state,
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** The answer to one line of commands. */
export async function command(socket: string, line: string): Promise<string> {
  using connection = await dialUnix(socket);
  await writeAll(connection, new TextEncoder().encode(`${line}\n`));
  return await new Response(connection.readable).text();
}
