import { Ring } from "../observe/ring.ts";
import type { LogLine } from "../port/messages.ts";

/** What a change of the configuration says of itself besides who asked for it. */
export interface ChangeDetail {
  /** Of the configuration. */
  readonly path?: string;
  /** Hashes of what is at the path. */
  readonly before?: string;
  readonly after?: string;
}

/** One change that was asked for, whether it was made or not. */
export interface AuditEntry extends ChangeDetail {
  /** The door it came through. */
  readonly via: "api" | "socket" | "signal";
  /** Who: the name of a token, a socket, a signal. */
  readonly actor: string;
  /** What they may do; absent where everything may be done. */
  readonly role?: string;
  /** Address, without port, where there is one. */
  readonly client?: string;
  /** What: a route of the table, a command. */
  readonly action: string;
  /** Accounts are shortened, and secrets left out, by whoever records. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Of HTTP. */
  readonly status?: number;
  /** The one-line answer when it was done, else the kind of refusal. */
  readonly result: string;
}

export interface AuditRecord extends AuditEntry {
  /** RFC 3339, UTC. */
  readonly time: string;
}

/** How many records are kept. */
export const AUDIT_KEPT = 1000;

/** A record of everything that was asked for is bounded whatever was asked. */
const LONGEST_TEXT = 256;

/** Who changed what: a line in the log for each change, and the last of them to be read again. */
export class AuditLog {
  readonly #records = new Ring<AuditRecord>(AUDIT_KEPT);

  constructor(
    private readonly log: (line: LogLine) => void,
    private readonly now: () => Date = () => new Date(),
  ) {}

  record(entry: AuditEntry): void {
    const parameters = Object.entries(entry.parameters)
      .map(([name, value]) => [name, shortened(value)]);
    const fields = {
      ...entry,
      parameters: Object.fromEntries(parameters) as Record<string, string>,
      result: shortened(entry.result),
    };
    this.log({ level: "info", event: "audit", fields });
    this.#records.push({ time: this.now().toISOString(), ...fields });
  }

  /** The last ones, the newest at the end. */
  latest(limit: number = AUDIT_KEPT): readonly AuditRecord[] {
    return this.#records.all().slice(-limit);
  }
}

function shortened(text: string): string {
  return text.length > LONGEST_TEXT
    ? `${text.slice(0, LONGEST_TEXT - 1)}…`
    : text;
}
