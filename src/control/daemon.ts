import {
  adminTokenOf,
  effectiveLogLevel,
  type Env,
} from "../config/environment.ts";
import { formatProblem } from "../config/issues.ts";
import type { Config } from "../config/schema.ts";
import { Secrets } from "../config/document/secrets.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { systemClock } from "../observe/clock.ts";
import { Log } from "../observe/log.ts";
import { watchLoop } from "../observe/loop_lag.ts";
import { createShortener } from "../observe/shorten.ts";
import type { Readiness } from "./api.ts";
import { assemble } from "./assemble.ts";
import { heldElsewhere } from "./binds.ts";
import { AuditLog } from "./audit_log.ts";
import { beginning, type StartOptions } from "./beginning.ts";
import { provideServedGauges } from "./gauges.ts";
import { AdminFacility } from "./live/admin_facility.ts";
import { ClusterFacility } from "./live/cluster_facility.ts";
import { InForce } from "./live/in_force.ts";
import { RuntimeFacility } from "./live/runtime_facility.ts";
import { LiveConfiguration } from "./live/live_configuration.ts";
import { placeholderKey } from "./live/placeholder_key.ts";
import { SavedConfiguration } from "./live/saved_configuration.ts";
import { openStore, StoreFacility } from "./live/store_facility.ts";
import { MemoryTrim } from "./memory_trim.ts";
import { moveGround } from "./moves/ground.ts";
import { KeptChanges } from "./moves/kept_changes.ts";
import { Moves } from "./moves/moves.ts";
import { Overrides } from "./overrides/overrides.ts";
import type { Parts } from "./parts.ts";
import { Plane, type Process } from "./plane.ts";
import { readinessOf } from "./readiness.ts";
import { runtimeControl } from "./runtime_control.ts";
import { SelfMade } from "./self_made.ts";
import type { StateDir } from "./state_dir.ts";
import { ServiceManager } from "./systemd.ts";
import { controlTables } from "./tables/control_tables.ts";
import { enter } from "./takeover/enter.ts";
import { Handover, type HandoverHost } from "./takeover/handover.ts";
import { Taking } from "./takeover/taking.ts";

const METRICS_MS = 60_000;
const DRAIN_LOOK_MS = 100;

/** The serving process: starts from a configuration file, drains and stops. */
export class Daemon implements Process {
  #draining = false;
  #metricsTimer: ReturnType<typeof setInterval> | undefined;
  #stopWatching = () => {};
  readonly #ended = Promise.withResolvers<void>();
  readonly #service: ServiceManager;
  readonly #trim: MemoryTrim;
  readonly #handover: Handover;
  /** Once the process stops accepting: resolves when everything is closed. */
  #drained: Promise<void> | null = null;

  private constructor(
    env: Env,
    private readonly parts: Parts,
    private readonly live: LiveConfiguration,
    private readonly inForce: InForce,
    private readonly admin: AdminFacility,
    private readonly runtime: RuntimeFacility,
    private readonly cluster: ClusterFacility,
    readonly audit: AuditLog,
    handover: Pick<HandoverHost, "overrides" | "file" | "reopenStore">,
  ) {
    this.#handover = new Handover({
      ...handover,
      parts,
      live,
      inForce,
      admin,
      runtime,
      isStopping: () => this.#draining,
      leave: (leavePorts) => this.#leave(leavePorts),
    });
    this.#trim = new MemoryTrim(() => parts.metrics.value("sessions_ended"));
    this.#service = new ServiceManager(
      env,
      (reason) => parts.log.warn("service_manager", { reason }),
    );
  }

  /**
   * Begin to serve. Throws ConfigRefused, BindError, StoreError, ControlError, TakeoverRefused or what made
   * the start fail; a process to take over from goes on then.
   */
  static async start(options: StartOptions): Promise<Daemon> {
    const { takeover } = options;
    const taking = takeover === undefined ? null : await Taking.claim(takeover);
    try {
      return await Daemon.#start(options, taking);
    } catch (error) {
      await taking?.giveUp((error as Error).message);
      throw error;
    }
  }

  static async #start(
    options: StartOptions,
    taking: Taking | null,
  ): Promise<Daemon> {
    const { file, env, version } = options;
    const { opened, fileDocument, state, inheritance } = await beginning(
      options,
      taking,
    );
    const { config, resources } = opened;
    const log = new Log({
      level: effectiveLogLevel(config.server.log_level, env),
    });
    for (const warning of opened.warnings) {
      log.warn("config_warning", { problem: formatProblem(warning) });
    }
    const shorten = createShortener(
      resources.adminToken ?? adminTokenOf(env) ??
        resources.adminTokens[0]?.digest,
    );
    const audit = new AuditLog((line) => log.write(line));
    const store = await openStore(config, env, log, () => parts);
    const selfMade = new SelfMade(state, log);
    const parts: Parts = assemble(
      config,
      store.store,
      log,
      shorten,
      (leg) => void inForce.findRoot(leg),
    );
    const overrides: Overrides = new Overrides(state, () => live);
    await (inheritance
      ? overrides.restore(inheritance.overrides)
      : overrides.load());
    const live: LiveConfiguration = new LiveConfiguration(
      {
        parts,
        env,
        file,
        saved: new SavedConfiguration(state),
        secrets: new Secrets(await placeholderKey(state)),
        overrides,
        inForce: () => inForce,
        reloading: (underWay) => daemon.#tellReloading(underWay),
      },
      opened,
      fileDocument,
    );
    const plane = new Plane(parts, {
      served: () => inForce.served!.config,
      config: live,
      overrides,
      moves: new Moves(
        moveGround(parts, () => inForce.served!.config),
        new KeptChanges(state),
        parts,
        () => inForce.served!.config,
        systemClock,
      ),
      tables: (plane) =>
        controlTables(parts, () => inForce.served!, overrides, plane),
      selfMade,
      process: () => daemon,
    });
    const { gate } = parts;
    const admin: AdminFacility = new AdminFacility(
      parts,
      plane,
      audit,
      { gate, carry: (request) => daemon.#handover.carryRequest(request) },
      inheritance?.admin,
    );
    const runtime = new RuntimeFacility(
      parts,
      runtimeControl(parts, plane, version, () => ({
        served: inForce.served!,
        snapshot: inForce.snapshot!,
        stopping: daemon.#draining,
      }), () => readTrustRoots(env)),
      audit,
      {
        gate,
        carry: (command) => daemon.#handover.carryCommand(command),
        serve: (lines, socket) =>
          daemon.#handover.succession.serve(lines, socket),
      },
      inheritance !== null,
    );
    const cluster = new ClusterFacility(parts, env, version);
    const inForce: InForce = new InForce(
      parts,
      env,
      selfMade,
      [
        new StoreFacility(parts, env, store),
        admin,
        runtime,
        cluster,
      ],
      () => live.renew(),
      inheritance && heldElsewhere(inheritance.binds),
    );
    const daemon: Daemon = new Daemon(
      env,
      parts,
      live,
      inForce,
      admin,
      runtime,
      cluster,
      audit,
      {
        overrides,
        file,
        reopenStore: async () =>
          (await openStore(inForce.served!.config, env, log, () => parts))
            .store,
      },
    );
    provideServedGauges(parts.metrics, version, () => ({
      generation: inForce.generation,
      isLastReloadDone: live.isLastReloadDone,
      loadedAt: live.loadedAt,
      certificates: inForce.served?.resources.certificates ?? [],
    }));
    await daemon.#begin(
      taking && (() => daemon.#takeOver(taking, state)),
    );
    return daemon;
  }

  get log(): Log {
    return this.parts.log;
  }

  /** Resolves when it was stopped over its API, and everything is closed. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  readiness(): Readiness {
    return readinessOf(this.parts, [
      ...this.inForce.served ? [] : ["listeners are not bound yet"],
      ...this.live.document() === null ? ["no configuration is loaded"] : [],
      ...this.#draining ? ["draining"] : [],
    ]);
  }

  /** SIGHUP: read files again. Answers how that went in a word; the log has the reason. */
  refresh(): Promise<string> {
    return this.live.refresh();
  }

  upgrade(): Promise<number> {
    return this.#handover.upgrade();
  }

  /** Drain, and let `ended` know. */
  shutDown(): void {
    this.drain().then(this.#ended.resolve, this.#ended.reject);
  }

  /**
   * Stop accepting and let sessions finish for as long as `shutdown_grace` allows, then end them.
   * Resolves when all is closed, however often it is asked for.
   */
  async drain(): Promise<void> {
    if (this.#drained === null) {
      this.#service.tell("STOPPING", "draining");
      this.#drained = this.#drain(() =>
        this.parts.supervisor.drain({ part: true })
      );
    }
    await this.#drained;
  }

  async #drain(stopAccepting: () => Promise<void>): Promise<void> {
    this.#draining = true;
    const { log, supervisor, registry } = this.parts;
    const { shutdown_grace: grace } = this.#config.server;
    log.info("stopping", { sessions: registry.active, grace_ms: grace });
    // A change that is being applied would bind its listeners behind the drain.
    await this.live.stop();
    await stopAccepting();
    await this.#sessionsGone(grace);
    const target = { all: true } as const;
    await supervisor.ask("kick", { target, reason: "drained" });
    await this.#sessionsGone(DRAIN_LOOK_MS * 10);
    await this.stop();
  }

  /** End everything now. */
  async stop(): Promise<void> {
    const { log, supervisor, holds, breakers, store } = this.parts;
    clearInterval(this.#metricsTimer);
    this.#stopWatching();
    this.inForce.close();
    this.runtime.close();
    this.#handover.close();
    this.#trim.close();
    supervisor.stop();
    holds.close();
    breakers.close();
    await Promise.all([
      this.admin.close(),
      this.cluster.close(),
      store.close(),
    ]);
    log.info("stopped");
    await this.#service.close();
    await log.flush();
  }

  get #config(): Config {
    return this.inForce.served!.config;
  }

  /** Another process serves from now on, and is the service. */
  #leave(leavePorts: () => Promise<void>): void {
    this.#service.silence();
    // What the others ask comes by way of the process that took over.
    void this.cluster.close();
    this.#drained = this.#drain(leavePorts);
    this.#drained.then(this.#ended.resolve, this.#ended.reject);
  }

  /** Everything is ready: the process that served until now may go. */
  async #takeOver(taking: Taking, state: StateDir): Promise<void> {
    const { parts, admin, runtime } = this;
    const { log, predecessors } = parts;
    await enter(parts, await taking.switch());
    await taking.take({
      predecessors,
      requests: {
        lookup: ({ identifier }) => parts.store.get(identifier),
        request: (carried) => admin.answer(carried),
        command: (carried) => runtime.sockets.execute(carried),
      },
    });
    // The state folder is this process's to write from now on.
    await state.release().catch((error: Error) =>
      log.error("state_not_kept", { reason: error.message })
    );
    runtime.sockets.settleIn();
    taking.steer(predecessors);
    this.#service.becomeMain();
  }

  /** `takeOver` is done between being able to serve and being ready. */
  async #begin(takeOver: (() => Promise<void>) | null): Promise<void> {
    const { log, supervisor } = this.parts;
    await supervisor.start();
    await this.live.begin();
    await takeOver?.();
    this.#metricsTimer = setInterval(() => this.#logMetrics(), METRICS_MS);
    this.#stopWatching = watchLoop((lag) =>
      this.parts.metrics.observe("loop_lag_seconds", lag / 1000, "control")
    );
    log.info("ready", { workers: supervisor.size, pid: Deno.pid });
    this.#trim.start();
    this.#tellReady();
    this.#service.startWatchdog(() => true);
  }

  async #sessionsGone(within: number): Promise<void> {
    const { supervisor, registry } = this.parts;
    const end = performance.now() + within;
    for (;;) {
      await supervisor.ask("flush", null);
      if (registry.active === 0 || performance.now() >= end) return;
      this.#service.status(`draining: ${registry.active} sessions`);
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
    }
  }

  #logMetrics(): void {
    const { log, metrics, registry } = this.parts;
    log.write(metrics.line());
    this.#service.status(`${registry.active} sessions`);
  }

  #tellReloading(underWay: boolean): void {
    if (underWay) this.#service.tell("RELOADING", "reloading");
    else this.#tellReady();
  }

  #tellReady(): void {
    if (this.#draining) return;
    const { length } = this.inForce.snapshot?.listeners ?? [];
    this.#service.tell("READY", `serving ${length} listeners`);
  }
}
