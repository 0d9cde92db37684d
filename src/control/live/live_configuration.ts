import { type Difference, differences } from "../../config/document/diff.ts";
import { fingerprint } from "../../config/document/fingerprint.ts";
import { type Json, toJson } from "../../config/document/json.ts";
import { effectiveLogLevel, type Env } from "../../config/environment.ts";
import { formatProblem, Issues, type Problem } from "../../config/issues.ts";
import { RULES } from "../../config/rules/rules.ts";
import { openDocument } from "../../config/load.ts";
import { needsRestart } from "../../config/restart.ts";
import { refuseLoops, type ResourceHost } from "../../config/resources.ts";
import type { Config } from "../../config/schema.ts";
import { isTable } from "../../config/inspect.ts";
import { StoreError } from "../../store/store.ts";
import type { Secrets } from "../../config/document/secrets.ts";
import { ControlError } from "../api.ts";
import type { Changed, LiveConfig } from "../api_config.ts";
import { BindError } from "../binds.ts";
import { ConfigRefused, type Opened, readConfig } from "../opening.ts";
import type { OverrideHost, Overrides } from "../overrides/overrides.ts";
import type { Parts } from "../parts.ts";
import { resourceHost } from "../resource_host.ts";
import type { Served } from "../served.ts";
import { type Candidate, candidateOf, newWarnings } from "./candidate.ts";
import { writeConfigFile } from "./config_file.ts";
import type { InForce, PutOptions } from "./in_force.ts";
import { Masks } from "./masks.ts";
import type { SavedConfiguration } from "./saved_configuration.ts";

/** What a document that is no file is called in problems. */
const DOCUMENT_NAME = "configuration";

export interface LiveParts {
  readonly parts: Parts;
  readonly env: Env;
  /** The configuration file. */
  readonly file: string;
  readonly saved: SavedConfiguration;
  readonly secrets: Secrets;
  readonly overrides: Overrides;
  readonly inForce: () => Pick<InForce, "put">;
  /** Told around each reload of the file, for the service manager. */
  readonly reloading: (underWay: boolean) => void;
}

/** The configuration in force in its layers: the file, what was changed by the API, what was set at run time. */
export class LiveConfiguration implements LiveConfig, OverrideHost {
  #candidate: Candidate;
  /** What is in force, or was before it was unloaded. */
  #loaded: Json;
  /** The file as it was read last; undefined where it could not be. */
  #fileDocument: Json | undefined;
  /** Changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #stopping = false;
  readonly #masks: Masks;
  /** Milliseconds since the epoch. */
  loadedAt = 0;
  isLastReloadDone = true;

  /** `fileDocument`: what the file says, where something else is served. */
  constructor(
    private readonly live: LiveParts,
    first: Opened,
    fileDocument: Json | undefined,
  ) {
    this.#candidate = candidateOf(first);
    this.#loaded = this.#candidate.document!;
    this.#fileDocument = fileDocument;
    this.#masks = new Masks(live.overrides, live.parts.log);
  }

  get secrets(): Secrets {
    return this.live.secrets;
  }

  restore(document: Json): Json {
    return this.secrets.restore(document, [
      this.#fileDocument ?? null,
      this.#loaded,
    ]);
  }

  /** Without what was set at run time. */
  ground(): Candidate {
    return this.#candidate;
  }

  /** Put the first configuration in force. Throws BindError, StoreError or ControlError. */
  async begin(): Promise<void> {
    await this.exclusively(() => this.#put(this.#candidate, true));
    this.#masks.look();
    this.loadedAt = Date.now();
  }

  /** Waits for the change under way, and refuses those that follow. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#last;
  }

  exclusively<T>(job: () => Promise<T>): Promise<T> {
    const done = this.#last.then(job);
    this.#last = done.catch(() => {});
    return done;
  }

  async problems(config: Config): Promise<readonly string[]> {
    const issues = new Issues("runtime", () => null);
    for (const rule of RULES) rule(config, issues, this.live.env);
    await refuseLoops(config, issues, resourceHost);
    return issues.problems.map(formatProblem);
  }

  async put(served: Served, settle: () => Promise<void>): Promise<void> {
    await refusable(() =>
      this.#place(this.#candidate, served, { reread: false, settle })
    );
  }

  document(): Json | null {
    return this.#candidate.document;
  }

  difference(): readonly Difference[] {
    return differences(this.#fileDocument, this.#candidate.document);
  }

  change(
    edit: (current: Json | null) => Json | null,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<Changed> {
    return this.exclusively(async () => {
      const current = this.#candidate.document;
      const wanted = toJson(edit(toJson(current)));
      const before = fingerprint(current);
      if (!force && isSame(wanted, current)) {
        const note = "nothing has changed";
        return { changed: false, note, before, after: before };
      }
      const next = await this.#validate(wanted);
      const warnings = newWarnings(this.#candidate, next);
      const note = await this.#replace(next, false);
      this.#logWarnings(warnings);
      this.live.parts.log.info("config_changed", { note });
      return { changed: true, note, before, after: fingerprint(wanted) };
    });
  }

  save({ discard } = { discard: false }): Promise<string> {
    return this.exclusively(async () => {
      const { document } = this.#candidate;
      if (!isTable(document)) {
        throw new ControlError("conflict", "no configuration is loaded");
      }
      const read = discard ? null : this.#fileDocument;
      await writeConfigFile(this.live.file, document, read);
      this.#fileDocument = document;
      return this.live.file;
    });
  }

  reload(
    { discard }: { readonly discard: boolean },
  ): Promise<{ readonly reloaded: true; readonly note: string }> {
    return this.exclusively(() => this.#reload(discard));
  }

  /**
   * SIGHUP: as `reload`, but where the API has changed the configuration that is kept, and only the files
   * that it names are read again. Answers a word for how it went.
   */
  refresh(): Promise<string> {
    return this.exclusively(async () => {
      try {
        await this.#reload(false);
        return "done";
      } catch (error) {
        if (!(error instanceof ControlError)) throw error;
        if (error.code !== "conflict" || this.#stopping) return error.code;
      }
      const paths = this.difference().map(({ path }) => path);
      this.live.parts.log.warn("config_differs_from_file", { paths });
      await this.#logged(async () => {
        const next = await this.#validate(this.#candidate.document);
        return await this.#replace(next, true);
      }).catch(() => {});
      return "kept";
    });
  }

  /** The same again: what was found out about its backends is not. */
  renew(): void {
    void this.exclusively(async () => {
      if (this.#stopping) return;
      await this.#put(this.#candidate, false).catch((error: Error) =>
        this.live.parts.log.error("not_renewed", { reason: error.message })
      );
    });
  }

  async #reload(
    discard: boolean,
  ): Promise<{ readonly reloaded: true; readonly note: string }> {
    const { file, env, reloading } = this.live;
    // The service manager has been told STOPPING, and must not hear READY behind it.
    this.#refuseWhileStopping();
    reloading(true);
    try {
      const note = await this.#logged(async () => {
        const opened = await readConfig(file, env);
        this.#logWarnings(opened.warnings);
        const next = candidateOf(opened);
        if (!discard) this.#refuseConflict(next.document);
        const note = await this.#replace(next, true);
        this.#fileDocument = next.document!;
        return note;
      });
      return { reloaded: true, note };
    } finally {
      reloading(false);
    }
  }

  /** What the file says must not silently take the place of what the API was told. */
  #refuseConflict(wanted: Json | null): void {
    const { document } = this.#candidate;
    const isChanged = !isSame(document, this.#fileDocument);
    if (!isChanged || isSame(document, wanted)) return;
    const paths = differences(wanted ?? undefined, document)
      .map(({ path }) => path);
    throw new ControlError(
      "conflict",
      `the configuration was changed by the API and differs from the file in ${
        paths.join(", ")
      }: save it, or reload with discard=true`,
    );
  }

  /** Runs a reload, and tells the log and the metrics how it went. */
  async #logged(reload: () => Promise<string>): Promise<string> {
    const { log, metrics } = this.live.parts;
    try {
      const note = await reload();
      this.isLastReloadDone = true;
      this.loadedAt = Date.now();
      log.info("config_reloaded", { note });
      return note;
    } catch (error) {
      // Nothing is wrong with the file, and whoever asked is told.
      if (error instanceof ControlError && error.code === "conflict") {
        throw error;
      }
      this.isLastReloadDone = false;
      if (!(error instanceof ControlError || error instanceof ConfigRefused)) {
        throw error;
      }
      metrics.add("config_reload_failures");
      log.error("config_refused", { reason: error.message });
      if (error instanceof ControlError) throw error;
      throw new ControlError("invalid", error.message);
    }
  }

  /** What a document means. Throws ControlError("invalid") with all problems, one on each line. */
  async #validate(document: Json | null): Promise<Candidate> {
    const now = this.#candidate;
    if (document === null) return { ...now, document: null };
    const opened = await openDocument(document, DOCUMENT_NAME, {
      strict: true,
      env: this.live.env,
      host: this.#host(),
    });
    if (!opened.ok) {
      const lines = opened.problems.map(formatProblem);
      throw new ControlError("invalid", lines.join("\n"));
    }
    if (opened.config.admin === undefined && now.config.admin !== undefined) {
      throw new ControlError(
        "invalid",
        `${DOCUMENT_NAME}: admin: a configuration that is set by this API must keep it; take it out of the file and reload to be without`,
      );
    }
    return candidateOf(opened);
  }

  /** Mappings that are in memory need not be read from their file again to be judged. */
  #host(): ResourceHost {
    const { config } = this.#candidate;
    return {
      ...resourceHost,
      checkMappings: (path, normalize, targetFault) => {
        const { store } = this.live.parts;
        const { mapping } = config;
        const isOpen = path === mapping.file?.path &&
          normalize === mapping.normalize && store.problemsUnder !== undefined;
        return isOpen
          ? Promise.resolve(store.problemsUnder!(targetFault))
          : resourceHost.checkMappings(path, normalize, targetFault);
      },
    };
  }

  /** Put a candidate in force and keep it; answers the note. Throws ControlError. */
  async #replace(next: Candidate, reread: boolean): Promise<string> {
    const { parts, env } = this.live;
    const before = this.#candidate.config;
    const restart = next.document === null
      ? []
      : needsRestart(before, next.config);
    const { threads, state_dir } = before.server;
    const config = {
      ...next.config,
      server: { ...next.config.server, threads, state_dir },
    };
    await refusable(() => this.#put({ ...next, config }, reread));
    parts.log.level = effectiveLogLevel(config.server.log_level, env);
    this.#masks.look();
    return restart.length === 0
      ? "everything is in force"
      : `needs a restart: ${restart.join(", ")}`;
  }

  /** What the API changes is on disk before it counts; a file that was read is there anyway. */
  async #put(next: Candidate, reread: boolean): Promise<void> {
    const settle = reread ? undefined : () => this.#save(next);
    await this.#place(next, this.live.overrides.lay(next), {
      reread,
      ...(settle && { settle }),
    });
    this.#candidate = next;
    this.#loaded = next.document ?? this.#loaded;
    if (!reread) return;
    await this.#save(next).catch((error: Error) =>
      this.live.parts.log.error("config_not_saved", { reason: error.message })
    );
  }

  async #place(
    { document, config }: Candidate,
    served: Served,
    options: PutOptions,
  ): Promise<void> {
    this.#refuseWhileStopping();
    const stopped = document === null
      ? new Set(Object.keys(config.listener))
      : served.stopped;
    await this.live.inForce().put(withStopped(served, stopped), options);
  }

  /** What was unloaded is no configuration to start from. */
  async #save({ document }: Candidate): Promise<void> {
    if (document !== null) await this.live.saved.write(document);
  }

  #refuseWhileStopping(): void {
    if (this.#stopping) throw new ControlError("conflict", "stopping");
  }

  #logWarnings(warnings: readonly Problem[]): void {
    for (const warning of warnings) {
      const problem = formatProblem(warning);
      this.live.parts.log.warn("config_warning", { problem });
    }
  }
}

/** A spread would take the members alone of what may be an object of a class. */
function withStopped(
  { config, resources, legStates, caps }: Served,
  stopped: ReadonlySet<string>,
): Served {
  return { config, resources, legStates, caps, stopped };
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return fingerprint(a) === fingerprint(b);
}

/** Whatever cannot be bound or opened is a reason to refuse a change. */
async function refusable(put: () => Promise<void>): Promise<void> {
  try {
    await put();
  } catch (error) {
    if (!(error instanceof BindError || error instanceof StoreError)) {
      throw error;
    }
    throw new ControlError("invalid", error.message);
  }
}
