/** What most commands need of the process they run in; tests give their own. */
export interface TextIo {
  out(text: string): void;
  err(text: string): void;
  /** A file, or standard input for `-`. Rejects with the reason. */
  readFile(path: string): Promise<string>;
}

/** The same for what is of any size. */
export interface CtlIo extends TextIo {
  /** A file while it is read; `size` in bytes, null where it is not known. */
  open(path: string): Promise<OpenFile>;
  /** To standard output. */
  write(bytes: Uint8Array): void;
  isTerminal(stream: "out" | "err"): boolean;
}

export interface OpenFile {
  readonly size: number | null;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The process's own. */
export const processIo: CtlIo = {
  out: (text) => writeFully(Deno.stdout, text),
  err: (text) => writeFully(Deno.stderr, text),
  readFile: (path) =>
    path === "-"
      ? new Response(Deno.stdin.readable).text()
      : Deno.readTextFile(path),
  async open(path) {
    if (path === "-") return { size: null, chunks: Deno.stdin.readable };
    const file = await Deno.open(path);
    const { isFile, size } = await file.stat();
    return { size: isFile ? size : null, chunks: file.readable };
  },
  write: (bytes) => writeBytes(Deno.stdout, bytes),
  isTerminal: (stream) =>
    (stream === "out" ? Deno.stdout : Deno.stderr).isTerminal(),
};

function writeFully(stream: typeof Deno.stdout, text: string): void {
  writeBytes(stream, new TextEncoder().encode(text));
}

function writeBytes(stream: typeof Deno.stdout, bytes: Uint8Array): void {
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
