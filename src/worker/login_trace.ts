import type { Login, Witness } from "../protocols/protocol.ts";
import type { WorkerCore } from "./core.ts";
import type { Session } from "./session.ts";

/** A step is a line of a dialogue, not a message. */
const LONGEST = 300;

/** Tells the control plane what happens in one login, step by step. */
export class LoginTrace implements Witness {
  constructor(
    private readonly port: Pick<WorkerCore["port"], "notify">,
    private readonly identifier: string,
    private readonly session: string,
  ) {}

  tell(text: string): void {
    const { identifier, session } = this;
    const printable = text.trimEnd().replaceAll(/\p{Cc}+/gu, " ");
    this.port.notify("trace", {
      identifier,
      session,
      at: Date.now(),
      text: printable.length > LONGEST
        ? `${printable.slice(0, LONGEST)}…`
        : printable,
    });
  }

  sent(text: string): void {
    for (const line of text.trimEnd().split("\r\n")) this.tell(`> ${line}`);
  }

  received(text: string): void {
    this.tell(`< ${text}`);
  }
}

/** Null where nobody follows the account. */
export function traceOf(
  core: WorkerCore,
  session: Session,
  { method }: Pick<Login, "method">,
  account: string,
): LoginTrace | null {
  if (!core.traced.has(account)) return null;
  const trace = new LoginTrace(core.port, account, session.id);
  const { protocol, name } = session.listener;
  trace.tell(
    `login by ${method} from ${session.client.hostname}, ${protocol} on ${name}, ${
      session.leg.secure ? "over TLS" : "not encrypted"
    }`,
  );
  return trace;
}
