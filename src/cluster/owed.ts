/** Something that is asked of the others. */
export interface Request {
  readonly name: string;
  readonly argument: unknown;
}

interface Debt extends Request {
  /** The member that did not answer; null: nobody was told. */
  readonly to: string | null;
  readonly id: number;
}

/** More than this is made good in one. */
const MOST = 1000;

/** What others have not been told, or have not answered: they are told when they, or the bus, are back. */
export class Owed {
  #debts: Debt[] = [];

  /** `amends`: what is asked in place of requests that are too many to keep. */
  constructor(private readonly amends: Request) {}

  add(to: string | null, id: number, { name, argument }: Request): void {
    if (this.#debts.length >= MOST) {
      this.#debts = [{ to: null, id: 0, ...this.amends }];
    }
    this.#debts.push({ to, id, name, argument });
  }

  /** It answered after all. */
  paid(to: string, id: number): void {
    this.#debts = this.#debts.filter((debt) =>
      debt.to !== to || debt.id !== id
    );
  }

  /** It is gone for good. */
  forget(to: string): void {
    this.#debts = this.#debts.filter((debt) => debt.to !== to);
  }

  /** What one member has not answered. */
  takeFor(to: string): Request[] {
    const taken = this.#debts.filter((debt) => debt.to === to);
    this.forget(to);
    return taken;
  }

  /** Everything, each request once. */
  takeAll(): Request[] {
    const byId = new Map(this.#debts.map((debt) => [debt.id, debt]));
    this.#debts = [];
    return [...byId.values()];
  }
}
