/** A redis-server of the benchmark's own, in a folder of its own, on a free port of 127.0.0.1. */
import { pause, type Running, start } from "./process.ts";
import { freePort } from "./subjects.ts";

/** In front of an identifier, as the proxy has it by default. */
const PREFIX = "route:";

export interface Redis extends AsyncDisposable {
  readonly port: number;
  /** Keeps its connections and answers nothing, until `resume`. */
  hang(): void;
  resume(): void;
  /** Maps NAME0@example.com, NAME1@example.com and so on to `destination`. */
  map(name: string, count: number, destination: string): Promise<void>;
}

/** Starts one that keeps nothing on disk; resolves when it answers. */
export async function startRedis(parent: string): Promise<Redis> {
  const folder = await Deno.makeTempDir({ dir: parent, prefix: "redis-" });
  const port = freePort();
  const settings = {
    bind: "127.0.0.1",
    port: `${port}`,
    dir: folder,
    save: "",
    appendonly: "no",
  };
  const server = start(
    [
      "redis-server",
      ...Object.entries(settings).flatMap((
        [name, value],
      ) => [`--${name}`, value]),
    ],
    `${folder}/redis.log`,
  );
  try {
    await answer(server, port);
  } catch (error) {
    await server.stop();
    throw error;
  }
  const resume = () => Deno.kill(server.pid, "SIGCONT");
  return {
    port,
    hang: () => Deno.kill(server.pid, "SIGSTOP"),
    resume,
    map: async (name, count, destination) => {
      const script = "for i = 0, ARGV[2] - 1 do " +
        "redis.call('SET', ARGV[1] .. i .. '@example.com', ARGV[3]) end";
      const args = [PREFIX + name, `${count}`, destination];
      await ask(port, "EVAL", script, "0", ...args);
    },
    async [Symbol.asyncDispose]() {
      // One that is stopped would not notice that it is to end.
      resume();
      await server.stop();
    },
  };
}

/** Waits for its first answer, ten seconds at most. */
async function answer(server: Running, port: number): Promise<void> {
  let hasEnded = false;
  void server.ended.then(() => hasEnded = true);
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await ask(port, "PING");
    } catch (error) {
      if (hasEnded || performance.now() > deadline) {
        throw new Error(`${error}; its log: ${await server.log()}`);
      }
      await pause(20);
    }
  }
}

/** One command; throws what redis-cli says when it is refused. */
async function ask(port: number, ...command: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("redis-cli", {
    args: ["-e", "-p", `${port}`, ...command],
  }).output();
  if (success) return;
  const text = new TextDecoder();
  throw new Error(`redis-cli: ${text.decode(stderr)}${text.decode(stdout)}`);
}
