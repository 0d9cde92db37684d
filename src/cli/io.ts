/** What a command needs of the process it runs in; tests give their own. */
export interface CtlIo {
  out(text: string): void;
  err(text: string): void;
  /** Rejects with the reason. */
  readFile(path: string): Promise<string>;
}

/** Looks up an environment variable. */
export type Env = (name: string) => string | undefined;

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
