/** `mailferry demo`: a proxy between a mail client and two mail servers, in one process (spec section 16). */
import manifest from "../../deno.json" with { type: "json" };
import { processEnv } from "../config/environment.ts";
import { processIo } from "../cli/io.ts";
import { Daemon } from "../control/daemon.ts";
import { ALICE, type Ground, layOut } from "./ground.ts";
import { HOST, type Place, takePlace } from "./place.ts";
import { quote, type Step, tellStory } from "./story.ts";
import { walk } from "./walk.ts";

/** What may end a demonstration; a terminal that is closed sends SIGHUP. */
const ENDS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Shows a move and goes on until a signal; with `check` it walks the printed story itself instead.
 * Answers the exit code. Everything that it laid out is gone when this resolves.
 */
export async function runDemo({ check }: { check: boolean }): Promise<number> {
  const ended = Promise.withResolvers<void>();
  for (const signal of ENDS) Deno.addSignalListener(signal, ended.resolve);
  let place: Place | undefined;
  try {
    place = takePlace();
    return await inPlace(place, check, ended.promise);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    processIo.err(`mailferry demo: ${reason}\n`);
    return 1;
  } finally {
    if (place) await Deno.remove(place.folder, { recursive: true });
    for (const signal of ENDS) {
      Deno.removeSignalListener(signal, ended.resolve);
    }
  }
}

async function inPlace(
  place: Place,
  check: boolean,
  ended: Promise<void>,
): Promise<number> {
  const ground = await layOut(place);
  try {
    const daemon = await Daemon.start({
      file: ground.configFile,
      env: demoEnv,
      version: manifest.version,
    });
    try {
      const steps = tellStory(ground, programName());
      if (!check) {
        processIo.out(describe(ground, steps));
        await ended;
        return 0;
      }
      const interrupted = ended.then(() => "interrupted");
      const failure = await Promise.race([
        walk(steps, processIo.out),
        interrupted,
      ]);
      if (failure === null) return 0;
      processIo.err(`mailferry demo: ${failure}\n`);
      return 1;
    } finally {
      await daemon.stop();
    }
  } finally {
    for (const backend of ground.backends) backend.close();
  }
}

/** PROXY_LOG=info shows the log; nothing else of the environment is meant for a demonstration. */
function demoEnv(name: string): string | undefined {
  return name === "PROXY_LOG" ? processEnv(name) : undefined;
}

function describe({ place, configFile }: Ground, steps: readonly Step[]) {
  const { folder, ports } = place;
  const story = steps.map(({ title, command }, i) =>
    `${i + 1}. ${title}\n\n${indent(command)}\n`
  );
  return `mailferry between a mail client and two mail servers, "old" and "new".

  IMAP over TLS   ${HOST}:${ports.imaps}, ${ALICE.user}, password "${ALICE.password}"
  management API  https://${HOST}:${ports.admin}
  its files       ${folder}, beginning with ${configFile}

Paste into another terminal:

${story.join("\n")}
Ctrl-C ends the demonstration and removes its files.
`;
}

/** Continued lines keep their indentation: pasted, it is only white space. */
function indent(command: string): string {
  return command.split("\n").map((line) => `     ${line}`).join("\n");
}

/** How this program is called from the folder that it was called in. */
function programName(): string {
  const path = Deno.execPath();
  if (!Deno.build.standalone) {
    const main = new URL(Deno.mainModule).pathname;
    return `${quote(path)} run -A ${quote(main)}`;
  }
  const here = `${Deno.cwd()}/`;
  if (!path.startsWith(here)) return quote(path);
  const below = path.slice(here.length);
  return quote(below.includes("/") ? below : `./${below}`);
}
