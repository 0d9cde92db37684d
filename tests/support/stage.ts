/** The usual set-up of a scenario: two fake backends, "old" and "new", and a proxy before them. */
import { type BackendOptions, FakeImapBackend } from "./fake_imap_backend.ts";
import { ImapClient } from "./imap_client.ts";
import { Mailferry } from "./mailferry.ts";
import {
  destination,
  Ground,
  merge,
  PASSWORD,
  type Table,
} from "./proxy_config.ts";

export const ALICE = "alice@example.com";
export const BOB = "bob@example.com";
export { PASSWORD };

export interface StageOptions {
  /** Merged over the base configuration. */
  readonly config?: Table;
  /** Merged over the destination "old", and the backend's behaviour. */
  readonly oldDestination?: Table;
  readonly old?: Partial<BackendOptions>;
  readonly new?: Partial<BackendOptions>;
  readonly mappings?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** alice is on "old", the default; bob is on "new". Legs are plain unless told otherwise. */
export class Stage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly old: FakeImapBackend,
    readonly new_: FakeImapBackend,
    readonly proxy: Mailferry,
  ) {}

  static async create(options: StageOptions = {}): Promise<Stage> {
    const ground = await Ground.create();
    const backend = async (name: string, more: Partial<BackendOptions> = {}) =>
      new FakeImapBackend({
        name,
        certificate: await ground.authority.issue(["backend.test"], {
          file: `backend-${name}`,
        }),
        ...more,
      });
    const old = await backend("old", options.old);
    const new_ = await backend("new", options.new);
    const config: Table = {
      destination: {
        old: destination(
          old.port,
          old.options.tls ?? "plain",
          options.oldDestination,
        ),
        new: destination(new_.port, new_.options.tls ?? "plain"),
      },
    };
    try {
      const proxy = await Mailferry.start({
        ground,
        config: merge(config, options.config ?? {}),
        mappings: options.mappings ?? { [ALICE]: "old", [BOB]: "new" },
        environment: options.environment ?? {},
      });
      return new Stage(ground, old, new_, proxy);
    } catch (error) {
      await Stage.#close(ground, old, new_);
      throw error;
    }
  }

  /** A client of the implicit TLS listener, greeted. */
  client(): Promise<ImapClient> {
    return imapClient(this.proxy);
  }

  /** A client of the STARTTLS listener, still in clear, greeted. */
  plainClient(): Promise<ImapClient> {
    return ImapClient.plain(this.proxy.listener("imap"), this.proxy.ca);
  }

  /** A client that is logged in. */
  async loggedIn(user: string, password = PASSWORD): Promise<ImapClient> {
    return (await loggedIn(this.proxy, user, password)).client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.proxy[Symbol.asyncDispose]();
    } finally {
      await Stage.#close(this.old, this.new_, this.ground);
    }
  }

  static async #close(...things: AsyncDisposable[]): Promise<void> {
    for (const thing of things) await thing[Symbol.asyncDispose]();
  }
}

function imapClient(proxy: Mailferry): Promise<ImapClient> {
  return ImapClient.tls(proxy.listener("imaps"), proxy.ca);
}

/** A client that is logged in, and what it was answered; one that is refused or cut off is not left open. */
export async function loggedIn(
  proxy: Mailferry,
  user: string,
  password = PASSWORD,
): Promise<{ client: ImapClient; text: string }> {
  const client = await imapClient(proxy);
  try {
    const { status, text } = await client.transact(login(user, password));
    if (status === "OK") return { client, text };
    throw new Error(`login of ${user}: ${status} ${text}`);
  } catch (error) {
    client.close();
    throw error;
  }
}

/** The LOGIN command with quoted strings. */
export function login(user: string, password = PASSWORD): string {
  const quote = (text: string) => `"${text.replace(/(["\\])/g, "\\$1")}"`;
  return `LOGIN ${quote(user)} ${quote(password)}`;
}
