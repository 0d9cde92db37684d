import type { PortError } from "../../port/port.ts";
import {
  type MappingPage,
  type MappingStore,
  StoreError,
  type StoreHealth,
} from "../../store/store.ts";

/** Asks the process that has taken over: what this one knows of the mappings no longer counts. */
export class SuccessorStore implements MappingStore {
  readonly writable = false;

  constructor(
    readonly source: MappingStore["source"],
    private readonly lookup: (identifier: string) => Promise<string | null>,
  ) {}

  async get(identifier: string): Promise<string | null> {
    try {
      return await this.lookup(identifier);
    } catch (error) {
      throw new StoreError("unavailable", (error as PortError).message);
    }
  }

  set(): Promise<void> {
    return Promise.reject(elsewhere());
  }

  delete(): Promise<boolean> {
    return Promise.reject(elsewhere());
  }

  write(): Promise<void> {
    return Promise.reject(elsewhere());
  }

  list(): Promise<MappingPage> {
    return Promise.reject(elsewhere());
  }

  unstorable(): string | null {
    return null;
  }

  reload(): Promise<void> {
    return Promise.resolve();
  }

  health(): StoreHealth {
    return { serving: true, problem: null };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function elsewhere(): StoreError {
  return new StoreError("read-only", "another process has taken over");
}
