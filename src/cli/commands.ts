/** The command line (spec section 1). Each command loads its own part, since to load all takes longer than most. */
import manifest from "../../deno.json" with { type: "json" };
import { emptyDefaultStore } from "../net/trust_roots.ts";
import { exits, processIo } from "./io.ts";

const USAGE =
  `usage: mailferry [run] [--resume] CONFIG   serve; with --resume what was in force last
       mailferry run --takeover SOCKET CONFIG
                                   serve in place of a running one that has this runtime socket
       mailferry check [--probe] CONFIG   validate, print what would be served, dial every leg
       mailferry demo [--check]    a demonstration that needs nothing else
       mailferry ctl COMMAND       administer a running proxy; ctl --help lists the commands
       mailferry config schema     JSON Schema of the configuration
       mailferry trust             how to trust the proxy's own authority; trust --help says more
       mailferry version
       mailferry help

CONFIG may also be given by PROXY_CONFIG. PROXY_ADMIN_TOKEN wins over the token of the file,
PROXY_LOG and then RUST_LOG over its log level.
Exit: 0 done, 1 failed at run time, 2 wrong usage, 78 the configuration does not validate.
`;

/** Runs one command to its end and answers the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  emptyDefaultStore();
  const [command, ...rest] = args;
  switch (command) {
    case "version":
    case "--version":
      return tell(
        `mailferry ${manifest.version} (deno ${Deno.version.deno}, ${Deno.build.target})\n`,
      );
    case "help":
    case "--help":
    case "-h":
      return tell(USAGE);
    case "ctl":
      return await ctl(rest);
    case "config":
      return rest.join(" ") === "schema"
        ? await schema()
        : misused("config has one command: schema");
    case "trust":
      return await trust(rest);
    case "check":
      return await check(rest);
    case "demo":
      return await demo(rest);
    case "run":
      return await run(rest);
    default:
      return await run(args);
  }
}

async function ctl(args: readonly string[]): Promise<number> {
  const { runCtl } = await import("./ctl.ts");
  return await runCtl(args, await environment(), processIo);
}

async function schema(): Promise<number> {
  const { configJsonSchema } = await import("../config/schema.ts");
  return tell(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
}

async function trust(args: readonly string[]): Promise<number> {
  const { runTrust } = await import("./trust.ts");
  const { processHost } = await import("./trust_store.ts");
  return await runTrust(args, await environment(), processIo, processHost);
}

async function check(args: readonly string[]): Promise<number> {
  return await withConfig(
    args.filter((arg) => arg !== "--probe"),
    async (path) => {
      const { check } = await import("./check.ts");
      return await check(path, args.includes("--probe"));
    },
  );
}

/** Options stand anywhere. */
async function run(args: readonly string[]): Promise<number> {
  const rest = [...args];
  const at = rest.indexOf("--takeover");
  const [, takeover] = at < 0 ? [] : rest.splice(at, 2);
  if (at >= 0 && takeover === undefined) {
    return misused("--takeover needs the path of a runtime socket");
  }
  return await withConfig(
    rest.filter((arg) => arg !== "--resume"),
    async (path) => {
      const { serve } = await import("./serve.ts");
      return await serve(path, {
        resume: rest.includes("--resume"),
        ...takeover === undefined ? {} : { takeover },
      });
    },
  );
}

async function withConfig(
  args: readonly string[],
  act: (path: string) => Promise<number>,
): Promise<number> {
  const unknown = args.find((arg) => arg.startsWith("-"));
  if (unknown !== undefined) return misused(`unknown option ${unknown}`);
  if (args.length > 1) return misused(`unexpected argument ${args[1]}`);
  const { configPathOf, processEnv } = await import(
    "../config/environment.ts"
  );
  const path = configPathOf(args[0], processEnv);
  if (path === undefined) return misused("no configuration file is named");
  return await act(path);
}

async function demo(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown !== undefined) return misused(`unexpected argument ${unknown}`);
  const { runDemo } = await import("../demo/demo.ts");
  return await runDemo({ check: args.includes("--check") });
}

async function environment() {
  const { processEnv } = await import("../config/environment.ts");
  return processEnv;
}

function tell(text: string): number {
  processIo.out(text);
  return 0;
}

function misused(reason: string): number {
  processIo.err(`mailferry: ${reason}\n${USAGE}`);
  return exits.usage;
}
