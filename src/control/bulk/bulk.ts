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
import { forgetAccounts } from "../moves/ground.ts";
import type { Parts } from "../parts.ts";
import type { Imported } from "./import_messages.ts";
import { importInThread } from "./import_thread.ts";

/** Mappings read from the store in one go. */
const PAGE = 1000;

type BulkParts = Pick<
  Parts,
  "store" | "resolver" | "supervisor" | "predecessors" | "cluster" | "metrics"
>;

/** Does the work of an import, but for what is known of the accounts elsewhere. */
export type CarryOut = (
  parts: Pick<BulkParts, "store" | "metrics">,
  request: ImportRequest,
  config: () => Config,
  clock: Clock,
) => Promise<Imported>;

/** All mappings at once. One import at a time: each may hold as much as there is room for. */
export class Bulk implements BulkControl {
  #isImporting = false;

  constructor(
    private readonly parts: BulkParts,
    private readonly config: () => Config,
    private readonly clock: Clock = systemClock,
    private readonly carryOut: CarryOut = importInThread,
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
    const { parts, config, clock } = this;
    let imported: Imported | null = null;
    try {
      imported = await this.carryOut(parts, request, config, clock);
      return imported.report;
    } finally {
      const { changed = null, isCertain = false } = imported ?? {};
      if (changed?.length !== 0) {
        await forgetAccounts(parts, changed, isCertain);
      }
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
