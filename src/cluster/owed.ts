import type { Clock } from "../observe/clock.ts";

/** Something that is asked of the others. */
export interface Request {
  readonly name: string;
  readonly argument: unknown;
}

/** A request by the number that its answer has. */
export interface NumberedRequest extends Request {
  readonly id: number;
}

interface Debt extends NumberedRequest {
  /** The member that did not answer; null: nobody was told. */
  readonly to: string | null;
  /** When it was told last. */
  told: number;
}

/** More than this is made good in one. */
const MOST = 1000;

/** One that is heard and has not answered after so long, ms, may not have heard what it was told. */
const AGAIN_MS = 5000;

/** What others have not been told, or have not answered: they are told when they, or the bus, are back. */
export class Owed {
  #debts: Debt[] = [];

  /** `amends`: what is asked in place of requests that are too many to keep. */
  constructor(
    private readonly amends: Request,
    private readonly clock: Clock,
  ) {}

  add(to: string | null, { id, name, argument }: NumberedRequest): void {
    const told = this.clock.now();
    if (this.#debts.length >= MOST) {
      this.#debts = [{ to: null, told, id: 0, ...this.amends }];
    }
    this.#debts.push({ to, told, id, name, argument });
  }

  /** It answered after all. */
  paid(to: string, id: number): void {
    this.#debts = this.#debts.filter((debt) =>
      debt.to !== to || debt.id !== id
    );
  }

  /** Only these are there still. */
  retain(members: ReadonlySet<string>): void {
    if (this.#debts.length === 0) return;
    this.#debts = this.#debts.filter(({ to }) =>
      to === null || members.has(to)
    );
  }

  /** What one member, or any of them, has not answered; it stays owed until it is paid. */
  of(to?: string): readonly (NumberedRequest & { readonly to: string })[] {
    return this.#tell((debt) => to === undefined || debt.to === to);
  }

  /** The same for one that is heard, which needs no telling again so soon. */
  overdue(to: string): readonly NumberedRequest[] {
    const before = this.clock.now() - AGAIN_MS;
    return this.#tell((debt) => debt.to === to && debt.told <= before);
  }

  #tell(which: (debt: Debt) => boolean) {
    const now = this.clock.now();
    return this.#debts.flatMap((debt) => {
      const { to } = debt;
      if (to === null || !which(debt)) return [];
      debt.told = now;
      return [{ ...debt, to }];
    });
  }

  /** What nobody was told. */
  takeUntold(): readonly Request[] {
    const untold = this.#debts.filter(({ to }) => to === null);
    this.#debts = this.#debts.filter(({ to }) => to !== null);
    return untold.map(({ name, argument }) => ({ name, argument }));
  }
}
