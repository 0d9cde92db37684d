import {
  certificatePem,
  issue,
  newKeys,
  privateKeyPem,
  serverExtensions,
  validity,
} from "./certificates.ts";
import {
  AUTHORITY_NAME,
  type Chain,
  createChain,
  createIntermediate,
  readChain,
  writeChain,
} from "./kept_authority.ts";
import {
  AUTHORITY_FILE,
  AuthorityError,
  type AuthorityView,
  DAY,
  LOCAL,
  type PemPair,
} from "./local.ts";

/** Whoever trusts the root needs no other certificate for it, so keys of servers may be new every few days. */
const SERVER_DAYS = 7;

/** What is left of the intermediate when the next one is made: more than any certificate that it signs has. */
const INTERMEDIATE_RENEWAL = 30 * DAY;

/** Small files that outlive the process, where there is a place for them. */
export interface Keeper {
  /** The content; null where there is none. */
  read(name: string): Promise<string | null>;
  /** Whole or not at all, for nobody else to read. */
  write(name: string, text: string): Promise<void>;
}

export interface AuthorityEvents {
  /** There is another root: whoever trusted the one before, if there was one, does not trust this one. */
  created(rootCommonName: string, replaced: boolean): void;
}

/**
 * A certificate authority of this installation's own, for servers that have no other certificate. It is
 * made when it is first asked for. It signs the names that it is told and knows nothing of clients.
 */
export class LocalAuthority {
  #chain: Chain | null = null;
  /** What is asked for while one answer is made waits for that. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly keeper: Keeper,
    private readonly events: AuthorityEvents,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Throws AuthorityError or what the keeper throws. */
  async view(): Promise<AuthorityView> {
    const { root, intermediate } = await this.#current();
    return {
      id: LOCAL,
      name: AUTHORITY_NAME,
      root_common_name: nameOf(root.certificate),
      intermediate_common_name: nameOf(intermediate.certificate),
      root_certificate: certificatePem(root.certificate),
      intermediate_certificate: certificatePem(intermediate.certificate),
    };
  }

  /**
   * A certificate for a server by these names, DNS names or addresses, with its chain up to the root,
   * which clients have. The first name is its subject. Throws AuthorityError or what the keeper throws.
   */
  async issue(names: readonly string[]): Promise<PemPair> {
    const { intermediate } = await this.#current();
    const keys = await newKeys();
    const dates = validity(this.now(), SERVER_DAYS);
    const certificate = await issue(intermediate, keys, {
      ...dates,
      name: names[0]!,
      extensions: serverExtensions(names),
    });
    return {
      certPem: certificatePem(certificate) +
        certificatePem(intermediate.certificate),
      keyPem: await privateKeyPem(keys),
      notAfter: dates.notAfter,
    };
  }

  #current(): Promise<Chain> {
    const chain = this.#turn.then(() => this.#ready());
    this.#turn = chain.catch(() => {});
    return chain;
  }

  /** The chain, made or renewed where that is due. It is used only when it is kept. */
  async #ready(): Promise<Chain> {
    const now = this.now();
    const known = this.#chain ?? await this.#kept();
    const chain = known === null || !lasts(known.root, now)
      ? await createChain(now)
      : lasts(known.intermediate, now)
      ? known
      : {
        root: known.root,
        intermediate: await createIntermediate(known.root, now),
      };
    if (chain !== known) {
      await this.keeper.write(AUTHORITY_FILE, await writeChain(chain));
    }
    this.#chain = chain;
    if (chain.root !== known?.root) {
      this.events.created(nameOf(chain.root.certificate), known !== null);
    }
    return chain;
  }

  async #kept(): Promise<Chain | null> {
    const text = await this.keeper.read(AUTHORITY_FILE);
    if (text === null) return null;
    try {
      return await readChain(text);
    } catch (error) {
      // Not replaced unasked: clients trust what is in it.
      throw new AuthorityError(
        `the local authority in ${AUTHORITY_FILE} of server.state_dir cannot be used, ${
          (error as Error).message
        }: restore the file, or remove it to have another authority made, which clients have to trust anew`,
      );
    }
  }
}

function lasts({ certificate }: Chain["root"], now: Date): boolean {
  const left = certificate.notAfter.getTime() - now.getTime();
  return left > INTERMEDIATE_RENEWAL;
}

function nameOf({ subjectName }: Chain["root"]["certificate"]): string {
  return subjectName.getField("CN")[0]!;
}
