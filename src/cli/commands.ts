/** The command line (spec section 1). */
import manifest from "../../deno.json" with { type: "json" };
import { configPathOf, processEnv } from "../config/environment.ts";
import { configJsonSchema } from "../config/schema.ts";
import { emptyDefaultStore } from "../net/trust_roots.ts";
import { check } from "./check.ts";
import { runCtl } from "./ctl.ts";
import { processIo } from "./io.ts";
import { EXIT_USAGE, serve } from "./serve.ts";
import { runTrust } from "./trust.ts";
import { processHost } from "./trust_store.ts";

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
      return await runCtl(rest, processEnv, processIo);
    case "config":
      return rest.join(" ") === "schema"
        ? tell(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
        : misused("config has one command: schema");
    case "trust":
      return await runTrust(rest, processEnv, processIo, processHost);
    case "check":
      return await withConfig(
        rest.filter((arg) => arg !== "--probe"),
        (path) => check(path, rest.includes("--probe")),
      );
    case "demo":
      return await demo(rest);
    case "run":
      return await run(rest);
    default:
      return await run(args);
  }
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
    (path) =>
      serve(path, {
        resume: rest.includes("--resume"),
        ...takeover === undefined ? {} : { takeover },
      }),
  );
}

async function withConfig(
  args: readonly string[],
  act: (path: string) => Promise<number>,
): Promise<number> {
  const unknown = args.find((arg) => arg.startsWith("-"));
  if (unknown !== undefined) return misused(`unknown option ${unknown}`);
  if (args.length > 1) return misused(`unexpected argument ${args[1]}`);
  const path = configPathOf(args[0], processEnv);
  if (path === undefined) return misused("no configuration file is named");
  return await act(path);
}

/** Loaded only when asked for: the demonstration's servers are no part of serving. */
async function demo(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown !== undefined) return misused(`unexpected argument ${unknown}`);
  const { runDemo } = await import("../demo/demo.ts");
  return await runDemo({ check: args.includes("--check") });
}

function tell(text: string): number {
  processIo.out(text);
  return 0;
}

function misused(reason: string): number {
  processIo.err(`mailferry: ${reason}\n${USAGE}`);
  return EXIT_USAGE;
}
