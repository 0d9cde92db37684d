import type { Config } from "../../config/schema.ts";
import { type Clock, systemClock } from "../../observe/clock.ts";
import type { Mapping, MappingPage } from "../../store/store.ts";
import { Turns } from "../../store/turns.ts";
import { mustBeWritable, storeFailure } from "../accounts.ts";
import { ControlError } from "../api.ts";
import type {
  BulkControl,
  ExportedMappings,
  ImportReport,
  ImportRequest,
} from "../api_bulk.ts";
import type { Parts } from "../parts.ts";
import { Importing } from "./importing.ts";

/** Mappings read from the store in one go. */
const PAGE = 1000;

type BulkParts = Pick<
  Parts,
  "store" | "resolver" | "supervisor" | "predecessors" | "pin" | "cluster"
>;

/** All mappings at once. One import at a time: each may hold as much as there is room for. */
export class Bulk implements BulkControl {
  #isImporting = false;

  constructor(
    private readonly parts: BulkParts,
    private readonly config: () => Config,
    private readonly clock: Clock = systemClock,
  ) {}

  async export(destination: string | null): Promise<ExportedMappings> {
    const { store } = this.parts;
    const first = await this.#page(null);
    const total = destination === null ? store.size ?? null : null;
    return { total, pages: this.#pages(first, destination) };
  }

  async import(request: ImportRequest): Promise<ImportReport> {
    mustBeWritable(this.parts.store);
    if (this.#isImporting) {
      throw new ControlError("conflict", "another import is under way");
    }
    this.#isImporting = true;
    try {
      const { parts, config, clock } = this;
      return await new Importing(parts, config, request, clock).run();
    } finally {
      this.#isImporting = false;
    }
  }

  async *#pages(
    first: MappingPage,
    destination: string | null,
  ): AsyncGenerator<readonly Mapping[]> {
    const turns = new Turns();
    let page = first;
    for (;;) {
      const { mappings, next } = page;
      const wanted = destination === null
        ? mappings
        : mappings.filter((mapping) => mapping.destination === destination);
      if (wanted.length > 0) yield wanted;
      if (next === null) return;
      await turns.look();
      page = await this.#page(next);
    }
  }

  async #page(after: string | null): Promise<MappingPage> {
    try {
      return await this.parts.store.list(after, PAGE);
    } catch (error) {
      throw storeFailure(error);
    }
  }
}
