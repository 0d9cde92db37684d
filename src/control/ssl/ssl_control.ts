import type { SslControl, SslKind } from "../api_ssl.ts";
import {
  authorities,
  certificates,
  revocations,
  type SslGround,
} from "./families.ts";
import { Transactions } from "./transactions.ts";

/** `SslControl` over the overrides: what is committed stands until it is cleared. */
export class SslTransactions implements SslControl {
  readonly #kinds;

  constructor(ground: SslGround) {
    this.#kinds = {
      "cert": new Transactions(certificates(ground)),
      "ca-file": new Transactions(authorities(ground)),
      "crl-file": new Transactions(revocations(ground)),
    } satisfies Record<SslKind, unknown>;
  }

  create(kind: SslKind, name: string): string {
    return this.#kinds[kind].create(name);
  }

  set(kind: SslKind, name: string, payload: string): string {
    return this.#kinds[kind].set(name, payload);
  }

  commit(kind: SslKind, name: string, by: string): Promise<string> {
    return this.#kinds[kind].commit(name, by);
  }

  abort(kind: SslKind, name: string): string {
    return this.#kinds[kind].abort(name);
  }

  remove(kind: SslKind, name: string, by: string): Promise<string> {
    return this.#kinds[kind].remove(name, by);
  }

  show(kind: SslKind, name?: string): string {
    return this.#kinds[kind].show(name);
  }
}
