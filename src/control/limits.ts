import type { Clock } from "../observe/clock.ts";
import type { LimitCause } from "../port/messages.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import { clientUnit, showClientUnit } from "./client_unit.ts";
import { FailureTable, type SavedFailure } from "./failure_table.ts";

/** `[limits]`. Durations are milliseconds; 0 or a protocol that is absent means no limit. */
export interface LimitSettings {
  readonly connectionsPerAddress: Readonly<
    Partial<Record<ProtocolName, number>>
  >;
  readonly connectionsPerAccount: Readonly<
    Partial<Record<ProtocolName, number>>
  >;
  readonly failuresPerAddress: number;
  readonly failuresPerAccount: number;
  readonly failureWindow: number;
  readonly failureDelay: number;
  readonly failureDelayMax: number;
  readonly refusalTime: number;
}

/** Who wants to be let in. `client` is an address without port. */
export interface LimitedSession {
  readonly session: string;
  readonly client: string;
  readonly protocol: ProtocolName;
}

/** What is counted of one address or account. */
export interface LimitEntry {
  readonly kind: "address" | "account";
  /** An address, an IPv6 network, or a normalized identifier. */
  readonly name: string;
  readonly failures: number;
  /** Milliseconds for which logins are refused still, 0 when they are not. */
  readonly refusedFor: number;
  /** Counted connections by protocol, for an account those that are logged in. */
  readonly connections: Readonly<Partial<Record<ProtocolName, number>>>;
}

/** Failures, for another process to go on with. */
export interface SavedFailures {
  readonly addresses: readonly SavedFailure[];
  readonly accounts: readonly SavedFailure[];
}

interface Seats {
  readonly worker: number;
  address: Seat | null;
  account: Seat | null;
}

interface Seat {
  readonly name: string;
  readonly protocol: ProtocolName;
}

/**
 * The counts behind `[limits]`, over all workers. A session holds a seat of its address from its
 * accept and one of its account from its login; both come back with its end, or with its worker's.
 */
export class Limits {
  readonly #sessions = new Map<string, Seats>();
  readonly #addresses = new SeatCounts();
  readonly #accounts = new SeatCounts();
  readonly #failedAddresses: FailureTable;
  readonly #failedAccounts: FailureTable;

  constructor(
    private settings: LimitSettings,
    private readonly clock: Clock,
  ) {
    this.#failedAddresses = new FailureTable(addressRule(settings), clock);
    this.#failedAccounts = new FailureTable(accountRule(settings), clock);
  }

  /** New limits hold for what comes; nobody who is in is put out. */
  configure(settings: LimitSettings): void {
    this.settings = settings;
    this.#failedAddresses.configure(addressRule(settings));
    this.#failedAccounts.configure(accountRule(settings));
  }

  /** A connection was accepted: null, and it is counted, or why it may not stay. */
  takeConnection(worker: number, who: LimitedSession): LimitCause | null {
    const { session, client, protocol } = who;
    const seat = { name: clientUnit(client), protocol };
    const most = this.settings.connectionsPerAddress[protocol] ?? 0;
    if (most > 0 && this.#addresses.of(seat) >= most) {
      return "address-connections";
    }
    this.#addresses.add(seat, 1);
    this.#seats(worker, session).address = seat;
    return null;
  }

  /** A login begins: null, and it is counted until `leaveLogin`, or why it may not go on. */
  takeLogin(
    worker: number,
    who: LimitedSession & { readonly account: string },
  ): LimitCause | null {
    const { session, client, protocol, account } = who;
    this.leaveLogin(session);
    if (this.#failedAddresses.refusedFor(clientUnit(client)) > 0) {
      return "address-failures";
    }
    if (this.#failedAccounts.refusedFor(account) > 0) return "account-failures";
    const seat = { name: account, protocol };
    const most = this.settings.connectionsPerAccount[protocol] ?? 0;
    if (most > 0 && this.#accounts.of(seat) >= most) {
      return "account-connections";
    }
    this.#accounts.add(seat, 1);
    this.#seats(worker, session).account = seat;
    return null;
  }

  /** A backend refused a login. Answers the milliseconds after which the client is told. */
  failed(who: { readonly client: string; readonly account: string }): number {
    const { failureDelay, failureDelayMax } = this.settings;
    const count = Math.max(
      this.#failedAddresses.add(clientUnit(who.client)),
      this.#failedAccounts.add(who.account),
    );
    if (count === 0) return 0;
    // Beyond 2^30 the exponent says nothing that the maximum does not.
    const grown = failureDelay * 2 ** Math.min(count - 1, 30);
    return Math.min(grown, failureDelayMax);
  }

  /** The session's login came to nothing. */
  leaveLogin(session: string): void {
    const seats = this.#sessions.get(session);
    if (!seats?.account) return;
    this.#accounts.add(seats.account, -1);
    seats.account = null;
    if (!seats.address) this.#sessions.delete(session);
  }

  /** The session is over. */
  leave(session: string): void {
    this.leaveLogin(session);
    const seats = this.#sessions.get(session);
    if (seats?.address) this.#addresses.add(seats.address, -1);
    this.#sessions.delete(session);
  }

  /** All sessions of a worker are over. */
  workerLost(worker: number): void {
    for (const [session, seats] of this.#sessions) {
      if (seats.worker === worker) this.leave(session);
    }
  }

  /** Everything that is counted: who is refused first, then by failures, then by connections. */
  entries(): LimitEntry[] {
    const addresses = new Set([
      ...this.#failedAddresses.names(),
      ...this.#addresses.names(),
    ]);
    const accounts = new Set([
      ...this.#failedAccounts.names(),
      ...this.#accounts.names(),
    ]);
    return [
      ...[...addresses].map((unit) => this.#entry("address", unit)),
      ...[...accounts].map((account) => this.#entry("account", account)),
    ].filter(isCounted).sort(worstFirst);
  }

  /** What is counted of one address or account, or null. */
  entry(kind: LimitEntry["kind"], name: string): LimitEntry | null {
    const found = this.#entry(
      kind,
      kind === "address" ? clientUnit(name) : name,
    );
    return isCounted(found) ? found : null;
  }

  /** Forget the failures of an address or account, and let its logins in again; false when there are none. */
  forgive(kind: LimitEntry["kind"], name: string): boolean {
    return kind === "address"
      ? this.#failedAddresses.clear(clientUnit(name))
      : this.#failedAccounts.clear(name);
  }

  saveFailures(): SavedFailures {
    return {
      addresses: this.#failedAddresses.save(),
      accounts: this.#failedAccounts.save(),
    };
  }

  /** Go on where another process was. Its connections are not counted here. */
  restoreFailures({ addresses, accounts }: SavedFailures): void {
    this.#failedAddresses.restore(addresses);
    this.#failedAccounts.restore(accounts);
  }

  /** Addresses and accounts whose logins are refused now. */
  get refused(): number {
    let count = 0;
    for (const table of [this.#failedAddresses, this.#failedAccounts]) {
      for (const name of table.names()) {
        if (table.refusedFor(name) > 0) count++;
      }
    }
    return count;
  }

  #seats(worker: number, session: string): Seats {
    let seats = this.#sessions.get(session);
    if (!seats) {
      seats = { worker, address: null, account: null };
      this.#sessions.set(session, seats);
    }
    return seats;
  }

  #entry(kind: LimitEntry["kind"], key: string): LimitEntry {
    const [failed, seats] = kind === "address"
      ? [this.#failedAddresses, this.#addresses]
      : [this.#failedAccounts, this.#accounts];
    return {
      kind,
      name: kind === "address" ? showClientUnit(key) : key,
      failures: failed.count(key),
      refusedFor: failed.refusedFor(key),
      connections: seats.all(key),
    };
  }
}

/** Seats in use by name and protocol; a name without any is not kept. */
class SeatCounts {
  readonly #counts = new Map<string, Map<ProtocolName, number>>();

  of({ name, protocol }: Seat): number {
    return this.#counts.get(name)?.get(protocol) ?? 0;
  }

  add(seat: Seat, by: 1 | -1): void {
    const { name, protocol } = seat;
    const counts = this.#counts.get(name) ?? new Map<ProtocolName, number>();
    const value = this.of(seat) + by;
    if (value > 0) counts.set(protocol, value);
    else counts.delete(protocol);
    if (counts.size > 0) this.#counts.set(name, counts);
    else this.#counts.delete(name);
  }

  names(): Iterable<string> {
    return this.#counts.keys();
  }

  all(name: string): Partial<Record<ProtocolName, number>> {
    return Object.fromEntries(this.#counts.get(name) ?? []);
  }
}

function addressRule(settings: LimitSettings) {
  return {
    threshold: settings.failuresPerAddress,
    window: settings.failureWindow,
    refusalTime: settings.refusalTime,
  };
}

function accountRule(settings: LimitSettings) {
  return { ...addressRule(settings), threshold: settings.failuresPerAccount };
}

function isCounted({ failures, connections }: LimitEntry): boolean {
  return failures > 0 || Object.keys(connections).length > 0;
}

function worstFirst(a: LimitEntry, b: LimitEntry): number {
  return b.refusedFor - a.refusedFor || b.failures - a.failures ||
    inUse(b) - inUse(a);
}

function inUse({ connections }: LimitEntry): number {
  return Object.values(connections).reduce((sum, count) => sum + count, 0);
}
