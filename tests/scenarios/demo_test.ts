/** The demonstration, and the commands of README.md pasted while it runs. */
import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { executable, run } from "../support/mailferry.ts";
import { examples, readReadme } from "../support/readme.ts";
import { needs } from "../support/requirements.ts";
import { within } from "../support/wait.ts";

const root = new URL("../../", import.meta.url).pathname;
/** The last line that a demonstration prints before it waits. */
const PROMPT = "Ctrl-C ends the demonstration and removes its files.\n";

class RunningDemo implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  #ended = false;

  private constructor(process: Deno.ChildProcess, readonly text: string) {
    this.#process = process;
  }

  static async start(): Promise<RunningDemo> {
    const process = new Deno.Command(executable(), {
      args: ["demo"],
      cwd: root,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let text = "";
    const reader = process.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    while (!text.endsWith(PROMPT)) {
      const { value, done } = await within("the demonstration", reader.read());
      if (done) throw new Error(`it ended: ${text}`);
      text += value;
    }
    await reader.cancel();
    return new RunningDemo(process, text);
  }

  get folder(): string {
    return /^ +its files +([^,]+),/m.exec(this.text)![1]!;
  }

  /** The commands that it tells its reader to paste. */
  get commands(): string[] {
    return [...this.text.matchAll(/^ {5}(\S(?:\\\n|.)*)$/gm)].map((match) =>
      match[1]!.replaceAll(/\\\n +/g, "\\\n  ")
    );
  }

  /** Ends it as its reader would; answers the exit code and what it left on stderr. */
  async interrupt(): Promise<{ code: number; stderr: string }> {
    this.#ended = true;
    this.#process.kill("SIGINT");
    const [{ code }, stderr] = await within(
      "the end",
      Promise.all([
        this.#process.status,
        new Response(this.#process.stderr).text(),
      ]),
    );
    return { code, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.interrupt();
  }
}

/** What each of these is in README.md, for commands that run beside another demonstration. */
async function replacements(demo: RunningDemo): Promise<[string, string][]> {
  const config = parse(
    await Deno.readTextFile(`${demo.folder}/config.toml`),
  ) as Record<string, Record<string, unknown>>;
  const port = (text: unknown) => /(\d+)"?\]?$/.exec(JSON.stringify(text))![1]!;
  const leg = (name: string) =>
    (config.destination![name] as { protocol: { imap: { port: number } } })
      .protocol.imap.port;
  const { bind } = config.listener!.imaps as { bind: string[] };
  return [
    ["/tmp/mailferry-demo", demo.folder],
    ["10993", port(bind)],
    ["19443", port(config.admin!.bind)],
    ["10994", String(leg("old"))],
    ["10995", String(leg("new"))],
    ["dist/mailferry", programIn(demo)],
  ];
}

function programIn(demo: RunningDemo): string {
  return demo.commands.find((line) => line.includes(" ctl "))!.split(" ")[0]!;
}

async function paste(command: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    cwd: root,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return (text.decode(stdout) + text.decode(stderr)).replaceAll("\r\n", "\n");
}

needs(["curl"], "README.md shows the demonstration as it is", async () => {
  await using demo = await RunningDemo.start();
  const here = await replacements(demo);
  const adapt = (text: string) =>
    here.reduce((done, [from, to]) => done.replaceAll(from, to), text);
  const shown = examples(await readReadme());
  assert.deepEqual(
    shown.map(({ command }) => adapt(command)),
    demo.commands,
  );
  for (const { command, output } of shown) {
    assert.equal(await paste(adapt(command)), adapt(output), command);
  }
  const { folder } = demo;
  assert.deepEqual(await demo.interrupt(), { code: 0, stderr: "" });
  await assert.rejects(Deno.stat(folder), Deno.errors.NotFound);
});

const WALKED = /^(?:ok \d\. .+\n){5}$/;

needs(
  ["curl"],
  "demo --check walks the story beside another demonstration",
  async () => {
    await using demo = await RunningDemo.start();
    const { code, stdout, stderr } = await run(["demo", "--check"]);
    assert.equal(stderr, "");
    assert.match(stdout, WALKED);
    assert.equal(code, 0);
    assert.equal((await demo.interrupt()).code, 0);
  },
);

Deno.test("demo --check walks the story without curl, PATH or environment", async () => {
  const { code, stdout, stderr } = await run(["demo", "--check"], {}, {
    clearEnv: true,
  });
  assert.equal(stderr, "");
  assert.match(stdout, WALKED);
  assert.equal(code, 0);
});
