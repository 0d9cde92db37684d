/** What a command needs of the process it runs in; tests give their own. */
export interface CtlIo {
  out(text: string): void;
  err(text: string): void;
  /** A file, or standard input for `-`. Rejects with the reason. */
  readFile(path: string): Promise<string>;
}

/** The process's own. */
export const processIo: CtlIo = {
  out: (text) => writeFully(Deno.stdout, text),
  err: (text) => writeFully(Deno.stderr, text),
  readFile: (path) =>
    path === "-"
      ? new Response(Deno.stdin.readable).text()
      : Deno.readTextFile(path),
};

function writeFully(stream: typeof Deno.stdout, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) {
    done += stream.writeSync(bytes.subarray(done));
  }
}

/** `mailferry ctl` could not do what was asked; its exit code, and one line for the user. */
export class CtlError extends Error {
  override readonly name = "CtlError";
  constructor(readonly exit: ExitCode, message: string) {
    super(message);
  }
}

export const exits = {
  ok: 0,
  /** The proxy refused or failed. */
  refused: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
} as const;

export type ExitCode = typeof exits[keyof typeof exits];
