import type { Resources } from "../config/resources.ts";
import { parseEndpoint } from "../config/scalars.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../observe/log.ts";
import type { LocalAuthority } from "../pki/authority.ts";
import {
  AuthorityError,
  type AuthorityView,
  DAY,
  LOCAL,
  type PemPair,
} from "../pki/local.ts";
import { ControlError } from "./api.ts";
import type { StateDir } from "./state_dir.ts";

/** What is left of a certificate when another one is made: there are days to find out that it fails. */
const RENEWAL = 4 * DAY;

const CHECK_MS = 3_600_000;

/** Certificates that the local authority signed. */
export interface SelfMadeCertificates {
  /** For names that no configured certificate has. */
  readonly listeners: PemPair;
  readonly admin: PemPair;
}

/** Certificates for what has none configured, signed by the local authority of this installation. */
export class SelfMade {
  #authority: Promise<LocalAuthority> | undefined;
  readonly #made = new Map<string, PemPair>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly state: Pick<StateDir, "path" | "read" | "write">,
    private readonly log: Pick<Log, "info" | "warn">,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** The authority that the API knows by this name. Throws ControlError. */
  view(id: string): Promise<AuthorityView> {
    if (id === LOCAL) {
      return usable(this.#signer().then((authority) => authority.view()));
    }
    const unknown = "unknown certificate authority";
    return Promise.reject(new ControlError("unknown", unknown));
  }

  /**
   * What a configuration needs, or null where its own certificates serve every name. The same again,
   * unless names have changed or a certificate is to be renewed. Throws ControlError("failed").
   */
  async certificates(
    config: Config,
    { certificates }: Pick<Resources, "certificates">,
  ): Promise<SelfMadeCertificates | null> {
    if (certificates.length === 1 || certificates.some((c) => c.isDefault)) {
      this.#made.clear();
      return null;
    }
    const wanted = [listenerNames(config), adminNames(config)];
    const known = new Map(this.#made);
    this.#made.clear();
    const authority = await this.#signer();
    const made: PemPair[] = [];
    for (const names of wanted) {
      const key = names.join(" ");
      const before = this.#made.get(key) ?? known.get(key);
      const pair = before && !this.#isDue(before)
        ? before
        : await usable(authority.issue(names));
      this.#made.set(key, pair);
      made.push(pair);
    }
    return { listeners: made[0]!, admin: made[1]! };
  }

  /** From now on `renew` is called when `certificates` would answer another one. */
  watch(renew: () => void): void {
    this.#timer = setInterval(() => {
      if (this.isDue) renew();
    }, CHECK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** True when one that is in use is to be renewed. */
  get isDue(): boolean {
    return [...this.#made.values()].some((pair) => this.#isDue(pair));
  }

  /** Loaded where something is to be signed, since that takes a while. */
  #signer(): Promise<LocalAuthority> {
    return this.#authority ??= this.#load();
  }

  async #load(): Promise<LocalAuthority> {
    const { LocalAuthority } = await import("../pki/authority.ts");
    const { state, log } = this;
    return new LocalAuthority(state, {
      created(root, replaced) {
        if (replaced) log.warn("authority_replaced", { root });
        else log.info("authority_created", { root });
        if (state.path === null) {
          const reason =
            "without server.state_dir there is another authority after a restart, which clients have to trust anew";
          log.warn("authority_not_kept", { reason });
        }
      },
    }, this.now);
  }

  #isDue({ notAfter }: PemPair): boolean {
    return notAfter.getTime() - this.now().getTime() < RENEWAL;
  }
}

/** Names of the configuration only: what a client asks for is never signed. */
function listenerNames({ server }: Config): string[] {
  return [server.hostname ?? "localhost"];
}

/** Also what it is reached by on this host, and the address that it is bound to. */
function adminNames({ server, admin }: Config): string[] {
  const bound = admin && parseEndpoint(admin.bind)?.hostname;
  const names = [
    server.hostname ?? "localhost",
    ...["localhost", "127.0.0.1", "::1"],
    ...bound && !/^[0.:]+$/.test(bound) ? [bound] : [],
  ];
  return [...new Set(names)];
}

async function usable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof AuthorityError)) throw error;
    throw new ControlError("failed", error.message);
  }
}
