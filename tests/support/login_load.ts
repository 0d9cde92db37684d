/** Logins at a steady rate, each with a connection of its own. */
import { ImapClient } from "./imap_client.ts";
import type { Target } from "./wire_client.ts";
import { login } from "./stage.ts";
import { pause } from "./wait.ts";

const TICK_MS = 10;
/** More than are under way in any moment on a host that keeps up; one that does not gets fewer logins a second. */
const MOST_AT_ONCE = 100;

export interface LoginLoadOptions {
  readonly accounts: readonly string[];
  readonly plain: Target;
  readonly tls: Target;
  readonly ca: string;
  /** One of so many is over TLS. */
  readonly tlsEvery: number;
}

export class LoginLoad {
  /** Why logins failed, one line each. */
  readonly failures: string[] = [];
  done = 0;
  #begun = 0;
  readonly #underWay = new Set<Promise<void>>();

  constructor(private readonly options: LoginLoadOptions) {}

  /** Logins a second that this host carries when nothing else is done, found by trying for a moment. */
  async capacity(ms: number, atOnce: number): Promise<number> {
    const end = performance.now() + ms;
    const before = this.done;
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (performance.now() < end) await this.#login();
    }));
    return (this.done - before) / ms * 1000;
  }

  /**
   * Begin logins at this rate, whether those before have ended or not, until `stopped`; a host that falls far
   * behind begins fewer. Resolves when all have ended, with the logins a second that were begun.
   */
  async run(rate: number, stopped: AbortSignal): Promise<number> {
    const start = performance.now();
    const first = this.#begun;
    while (!stopped.aborted) {
      const due = (performance.now() - start) * rate / 1000;
      while (
        this.#begun - first < due && this.#underWay.size < MOST_AT_ONCE
      ) this.#begin();
      await pause(TICK_MS);
    }
    const seconds = (performance.now() - start) / 1000;
    await Promise.all(this.#underWay);
    return (this.#begun - first) / seconds;
  }

  #begin(): void {
    const under = this.#login().finally(() => this.#underWay.delete(under));
    this.#underWay.add(under);
  }

  async #login(): Promise<void> {
    const { accounts, plain, tls, ca, tlsEvery } = this.options;
    const number = this.#begun++;
    const account = accounts[number % accounts.length]!;
    let stage = "connect";
    try {
      using client = number % tlsEvery === 0
        ? await ImapClient.tls(tls, ca)
        : await ImapClient.plain(plain);
      stage = "login";
      const { status, text } = await client.transact(login(account));
      if (status !== "OK") throw new Error(`${status} ${text}`);
      stage = "command";
      await client.transact("NOOP");
      this.done++;
    } catch (error) {
      this.failures.push(`${number} ${stage}: ${(error as Error).message}`);
    }
  }
}
