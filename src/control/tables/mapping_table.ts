import { mappingTargetFault } from "../../config/mapping_targets.ts";
import type { Config } from "../../config/schema.ts";
import { MAPPINGS_MAP } from "../../config/tables.ts";
import type { Mapping, MappingStore } from "../../store/store.ts";
import {
  accountKey,
  mustBeStorable,
  mustBeWritable,
  storeFailure,
} from "../accounts.ts";
import { ControlError, type ControlPlane } from "../api.ts";
import type { TableEntry } from "../api_tables.ts";
import { MOST_FORGOTTEN } from "../everywhere.ts";
import type { Parts } from "../parts.ts";
import type { Table } from "./table.ts";
import type { Content } from "./versions.ts";

/** Mappings read from the store in one go. */
const PAGE = 1000;

/** The mapping store as a map: what is changed in force is written to the store itself, and is no override. */
export class MappingTable implements Table {
  readonly name = MAPPINGS_MAP;
  #judging: { config: Config; fault: (name: string) => string | null } | null =
    null;

  constructor(
    private readonly parts: Parts,
    private readonly config: () => Config,
    private readonly plane: Pick<ControlPlane, "setMapping" | "deleteMapping">,
  ) {}

  get description(): string {
    const { source, writable } = this.parts.store;
    return `mapping store, source ${source}${writable ? "" : ", read-only"}`;
  }

  async size(): Promise<number> {
    const known = this.parts.store.size;
    if (known !== undefined) return known;
    let size = 0;
    for await (const _ of this.#mappings()) size++;
    return size;
  }

  async *entries(): AsyncGenerator<TableEntry> {
    for await (const { identifier, destination } of this.#mappings()) {
      yield { key: identifier, value: destination };
    }
  }

  async find(identifier: string): Promise<TableEntry | null> {
    const key = accountKey(this.config(), identifier);
    const value = await asked(this.parts.store.get(key));
    return value === null ? null : { key, value };
  }

  judge({ key: identifier, value }: TableEntry): TableEntry {
    const key = accountKey(this.config(), identifier);
    mustBeStorable(this.parts.store, key);
    this.#judgeDestination(value);
    return { key, value };
  }

  /** One by one where the store cannot write many at once. */
  async merge(entries: Content): Promise<void> {
    if (entries.size > 1 && this.parts.store.writeAll) {
      return await this.#write(entries, "keep");
    }
    for (const [key, value] of entries) await this.plane.setMapping(key, value);
  }

  async remove(identifier: string): Promise<boolean> {
    return await this.plane.deleteMapping(identifier);
  }

  /** Destinations are judged again: the configuration may have changed since they were prepared. */
  async replace(entries: Content): Promise<void> {
    for (const name of new Set(entries.values())) this.#judgeDestination(name);
    await this.#write(entries, "drop");
  }

  /**
   * All of it at once for every login: from the moment at which workers have forgotten what they knew
   * until the store has changed, nobody gets an answer, so none comes from before the change when
   * another one came from behind it.
   */
  async #write(entries: Content, rest: "keep" | "drop"): Promise<void> {
    const { store, resolver, supervisor, predecessors, cluster } = this.parts;
    mustBeWritable(store);
    if (!store.writeAll) {
      throw new ControlError(
        "read-only",
        "the mapping store cannot be replaced at once",
      );
    }
    let resume = () => {};
    let forgotten: readonly string[] | null = [];
    try {
      await asked(store.writeAll(entries, {
        rest,
        async settle(changing) {
          const isFew = changing.size <= MOST_FORGOTTEN;
          forgotten = isFew ? [...changing.keys()] : null;
          resume = resolver.suspend();
          await supervisor.ask("invalidate", { identifiers: forgotten });
        },
      }));
    } finally {
      for (const each of forgotten ?? [null]) resolver.invalidate(each);
      resume();
      await Promise.all([
        predecessors.invalidate(forgotten),
        cluster.ask("forget", { identifiers: forgotten, changed: true }),
      ]);
    }
  }

  async *#mappings(): AsyncGenerator<Mapping> {
    const { store } = this.parts;
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<MappingStore["list"]>> = await asked(
        store.list(after, PAGE),
      );
      yield* page.mappings;
      after = page.next;
    } while (after !== null);
  }

  #judgeDestination(name: string): void {
    const config = this.config();
    if (this.#judging?.config !== config) {
      this.#judging = { config, fault: mappingTargetFault(config) };
    }
    const { fault: faultOf } = this.#judging;
    const fault = Object.hasOwn(config.destination, name)
      ? faultOf(name)
      : `unknown destination '${name}'`;
    if (fault !== null) throw new ControlError("invalid", fault);
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw storeFailure(error);
  }
}
