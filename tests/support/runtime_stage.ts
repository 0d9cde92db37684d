/** A stage with a runtime socket at each level and a state folder, whose proxy can be started anew. */
import { ask, RuntimeClient } from "./runtime_client.ts";
import type { Table } from "./proxy_config.ts";
import { Stage, type StageOptions } from "./stage.ts";

export class RuntimeStage implements AsyncDisposable {
  private constructor(
    readonly stage: Stage,
    private readonly folder: string,
  ) {}

  /** `state`: the state folder, in place of one that goes with the stage. */
  static async create(
    { state, ...options }: StageOptions & { readonly state?: string } = {},
  ): Promise<RuntimeStage> {
    const folder = await Deno.makeTempDir();
    const socket = (level: string): Table => ({
      path: `${folder}/${level}.sock`,
      level,
    });
    const config: Table = {
      ...options.config,
      server: {
        threads: 1,
        hostname: "proxy.test",
        state_dir: state ?? `${folder}/state`,
      },
      runtime: { socket: ["operator", "admin"].map(socket) },
    };
    const stage = await Stage.create({ ...options, config });
    return new RuntimeStage(stage, folder);
  }

  /** One line given to a socket. */
  ask(line: string, level: "operator" | "admin" = "admin"): Promise<string> {
    return ask(`${this.folder}/${level}.sock`, `${line}\n`);
  }

  /** A connection to the socket of the level admin. */
  connect(): Promise<RuntimeClient> {
    return RuntimeClient.connect(`${this.folder}/admin.sock`);
  }

  /** What is set at run time. */
  async overrides(): Promise<Record<string, unknown>[]> {
    const body = await this.stage.proxy.ask("GET", "/overrides");
    return JSON.parse(body).overrides;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
