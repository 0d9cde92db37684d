import type { AdminServer } from "../admin/server.ts";
import { startAdmin } from "../admin/server.ts";
import {
  adminTokenOf,
  effectiveLogLevel,
  type Env,
} from "../config/environment.ts";
import { formatProblem } from "../config/issues.ts";
import type { Resources } from "../config/resources.ts";
import { needsRestart } from "../config/restart.ts";
import { parseEndpoint } from "../config/scalars.ts";
import type { Config } from "../config/schema.ts";
import { formatEndpoint } from "../net/address.ts";
import { pickCertificate } from "../net/certificates.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { Log } from "../observe/log.ts";
import { createShortener } from "../observe/shorten.ts";
import type { ListenerSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import type { MappingStore } from "../store/store.ts";
import { ControlError, type Readiness } from "./api.ts";
import { AuditLog } from "./audit_log.ts";
import { assemble, type LegName } from "./assemble.ts";
import { BindError, bindNamed, Binds } from "./binds.ts";
import { ImapProbe } from "./imap_probe.ts";
import { provideServedGauges } from "./gauges.ts";
import { MemoryTrim } from "./memory_trim.ts";
import { newlyBound } from "./newly_bound.ts";
import { ConfigRefused, openStore, readConfig } from "./opening.ts";
import type { Parts } from "./parts.ts";
import { Plane, type Reloader } from "./plane.ts";
import { RootFinder } from "./root_finder.ts";
import { createSelfSigned, type PemPair } from "./self_signed.ts";
import { buildSnapshot } from "./snapshot.ts";
import { ServiceManager } from "./systemd.ts";

const METRICS_MS = 60_000;
const DRAIN_LOOK_MS = 100;

/** A configuration in force. */
interface Running {
  readonly config: Config;
  readonly resources: Resources;
  readonly binds: Binds;
  readonly snapshot: WorkerSnapshot;
}

/** The serving process: starts from a configuration file, applies new ones, drains and stops. */
export class Daemon implements Reloader {
  #running: Running | null = null;
  #admin: AdminServer | null = null;
  /** The one in use, also after the file has another. */
  #adminToken: string | undefined;
  #draining = false;
  #lastReloadDone = true;
  /** Milliseconds since the epoch. */
  #loadedAt = 0;
  #generation = 0;
  /** Changes are applied one after the other. */
  #applying: Promise<unknown> = Promise.resolve();
  #metricsTimer: ReturnType<typeof setInterval> | undefined;
  readonly #service: ServiceManager;
  readonly #probe = new ImapProbe();
  readonly #roots = new RootFinder();
  readonly #trim: MemoryTrim;
  readonly audit: AuditLog;

  private constructor(
    private readonly file: string,
    private readonly env: Env,
    readonly log: Log,
    private readonly parts: Parts,
    private readonly selfSigned: PemPair,
  ) {
    this.audit = new AuditLog((line) => log.write(line));
    this.#trim = new MemoryTrim(() => parts.metrics.value("sessions_ended"));
    this.#service = new ServiceManager(
      env,
      (reason) => log.warn("service_manager", { reason }),
    );
  }

  /** Serve a configuration file; `version` is that of the program. Throws ConfigRefused, BindError or what made the start fail. */
  static async start(
    file: string,
    env: Env,
    version: string,
  ): Promise<Daemon> {
    const opened = await readConfig(file, env);
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
    const store = await openStore(config, log);
    const selfSigned = await createSelfSigned([
      config.server.hostname ?? "localhost",
    ]);
    const parts = assemble(
      config,
      store,
      log,
      shorten,
      (leg) => void daemon.#findRoot(leg),
    );
    const daemon = new Daemon(file, env, log, parts, selfSigned);
    provideServedGauges(parts.metrics, version, () => ({
      generation: daemon.#generation,
      isLastReloadDone: daemon.#lastReloadDone,
      loadedAt: daemon.#loadedAt,
      certificates: daemon.#running?.resources.certificates ?? [],
    }));
    await daemon.#begin(config, resources);
    return daemon;
  }

  get config(): Config {
    return this.#running!.config;
  }

  readiness(): Readiness {
    const reasons = [
      ...this.#running ? [] : ["listeners are not bound yet"],
      ...this.#draining ? ["draining"] : [],
    ];
    return { ready: reasons.length === 0, reasons };
  }

  /** Read the file again and put it in force. Throws ControlError("invalid"); the old one stays then. */
  reload(): Promise<{ readonly reloaded: true; readonly note: string }> {
    const reloaded = this.#applying.then(() => this.#reload());
    this.#applying = reloaded.catch(() => {});
    return reloaded;
  }

  /**
   * Stop accepting and let sessions finish for as long as `shutdown_grace` allows, then end them.
   * Resolves when all is closed.
   */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const { log, supervisor, registry } = this.parts;
    const { shutdown_grace: grace } = this.config.server;
    log.info("stopping", { sessions: registry.active, grace_ms: grace });
    this.#service.tell("STOPPING", "draining");
    // A change that is being applied would bind its listeners behind the drain.
    await this.#applying.catch(() => {});
    await supervisor.drain();
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
    this.#probe.close();
    this.#trim.close();
    supervisor.stop();
    holds.close();
    breakers.close();
    await Promise.all([this.#admin?.close(), store.close()]);
    log.info("stopped");
    await this.#service.close();
    await log.flush();
  }

  async #begin(config: Config, resources: Resources): Promise<void> {
    const { log, supervisor } = this.parts;
    await supervisor.start();
    await this.#put(config, resources);
    this.#loadedAt = Date.now();
    this.#startAdmin(config, resources);
    this.#metricsTimer = setInterval(() => this.#logMetrics(), METRICS_MS);
    log.info("ready", { workers: supervisor.size, pid: Deno.pid });
    this.#trim.start();
    this.#tellReady();
    this.#service.startWatchdog(() => true);
    this.#startProbe();
  }

  /** Put a configuration in force in every worker, then in the control plane. Changes nothing when it throws. */
  async #put(config: Config, resources: Resources): Promise<void> {
    const binds = Binds.choose(config, this.#running?.binds ?? null);
    try {
      const snapshot = buildSnapshot({
        generation: ++this.#generation,
        config,
        resources,
        selfSigned: this.selfSigned,
        bind: (name) => binds.of(name),
        probedImap: this.#probe.common,
        trustRoots: readTrustRoots(this.env),
        rootOf: this.#roots.rootOf,
      });
      await this.#apply(snapshot);
      const before = this.#running?.snapshot.listeners ?? [];
      this.#running = { config, resources, binds, snapshot };
      this.#logListeners(before, snapshot.listeners);
    } finally {
      binds.release();
    }
    this.parts.configure(config);
    this.parts.metrics.add("config_reloads");
    // Routes that workers got between their switch and this line were judged by the old configuration.
    await this.parts.supervisor.ask("invalidate", { identifier: null });
  }

  /** A worker fails to prepare what it cannot bind; all else has been validated. */
  async #apply(snapshot: WorkerSnapshot): Promise<void> {
    if (this.#draining) throw new BindError("stopping");
    try {
      await this.parts.supervisor.apply(snapshot);
    } catch (error) {
      throw new BindError((error as Error).message);
    }
  }

  async #reload(): Promise<{ readonly reloaded: true; readonly note: string }> {
    const { log } = this.parts;
    const before = this.config;
    // The service manager has been told STOPPING, and must not hear READY behind it.
    if (this.#draining) throw new ControlError("invalid", "stopping");
    this.#service.tell("RELOADING", "reloading");
    try {
      const { config: wanted, resources, warnings } = await readConfig(
        this.file,
        this.env,
      );
      for (const warning of warnings) {
        log.warn("config_warning", { problem: formatProblem(warning) });
      }
      const restart = needsRestart(before, wanted);
      // A key that names the same file as before says nothing of what is in it.
      const sameKeys = !restart.some((key) => key.startsWith("admin"));
      if (sameKeys && resources.adminToken !== this.#adminToken) {
        restart.push("admin.bearer_token_file (another token)");
      }
      const config = {
        ...wanted,
        admin: before.admin,
        server: { ...wanted.server, threads: before.server.threads },
      };
      const store = await this.#storeFor(config);
      try {
        await this.#put(config, resources);
      } catch (error) {
        if (store !== this.parts.store) await store.close();
        throw error;
      }
      await this.#useStore(store);
      log.level = effectiveLogLevel(config.server.log_level, this.env);
      this.#renewAdminCertificate();
      this.#startProbe();
      this.#lastReloadDone = true;
      this.#loadedAt = Date.now();
      const note = restart.length === 0
        ? "everything is in force"
        : `needs a restart: ${restart.join(", ")}`;
      log.info("config_reloaded", { note });
      return { reloaded: true, note };
    } catch (error) {
      this.#lastReloadDone = false;
      if (error instanceof ConfigRefused || error instanceof BindError) {
        this.parts.metrics.add("config_reload_failures");
        log.error("config_refused", { reason: error.message });
        throw new ControlError("invalid", error.message);
      }
      throw error;
    } finally {
      this.#tellReady();
    }
  }

  /** The open store where it fits the configuration, else a new one. */
  async #storeFor(config: Config): Promise<MappingStore> {
    const before = this.config.mapping;
    const { file, source, normalize } = config.mapping;
    const same = before.source === source && before.file?.path === file?.path &&
      before.normalize === normalize;
    return same ? this.parts.store : await openStore(config, this.log);
  }

  async #useStore(store: MappingStore): Promise<void> {
    const { parts } = this;
    if (store === parts.store) {
      await store.reload();
    } else {
      const old = parts.store;
      parts.store = store;
      parts.configure(this.config);
      await old.close();
    }
    parts.resolver.invalidate(null);
    await parts.supervisor.ask("invalidate", { identifier: null });
  }

  #logListeners(
    before: readonly ListenerSnapshot[],
    now: readonly ListenerSnapshot[],
  ): void {
    for (const { listener, protocol, address } of newlyBound(before, now)) {
      this.log.info("listening", { listener, protocol, address });
    }
  }

  #startAdmin(
    config: Config,
    { adminToken, adminTokens }: Resources,
  ): void {
    const { admin } = config;
    if (!admin) return;
    this.#adminToken = adminToken;
    const { certPem, keyPem } = this.#defaultCertificate();
    const { log, shorten } = this.parts;
    this.#admin = bindNamed(
      `admin: cannot bind ${admin.bind}`,
      () =>
        startAdmin({
          bind: parseEndpoint(admin.bind)!,
          certPem,
          keyPem,
          tokens: adminTokens,
          lockoutThreshold: admin.lockout_threshold,
          lockoutDuration: admin.lockout_duration,
          control: new Plane(this.parts, this),
          log: (line) => log.write(line),
          audit: this.audit,
          shorten,
        }),
    );
    const { hostname, port } = this.#admin.address;
    log.info("admin_listening", { address: formatEndpoint(hostname, port) });
  }

  /** The management API serves the default certificate. */
  #defaultCertificate(): { readonly certPem: string; readonly keyPem: string } {
    return pickCertificate(this.#running!.snapshot.certificates, "")!;
  }

  #renewAdminCertificate(): void {
    const { certPem, keyPem } = this.#defaultCertificate();
    this.#admin?.replaceCertificate(certPem, keyPem);
  }

  /** `advertise = "probe"`: ask the destinations, and put in force what they have in common. */
  #startProbe(): void {
    const { config, snapshot } = this.#running!;
    if (config.capabilities.imap.advertise !== "probe") {
      return this.#probe.close();
    }
    this.#probe.start(snapshot, () => this.#renew());
  }

  async #findRoot({ destination, protocol }: LegName): Promise<void> {
    const { snapshot } = this.#running!;
    const leg = snapshot.destinations[destination]?.legs[protocol];
    if (leg && await this.#roots.find(leg, snapshot)) this.#renew();
  }

  /** The configuration is the same, what was found out about its backends is not. */
  #renew(): void {
    const renewed = this.#applying.then(() =>
      this.#put(this.config, this.#running!.resources)
    );
    this.#applying = renewed.catch((error) =>
      this.log.error("not_renewed", { reason: (error as Error).message })
    );
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

  #tellReady(): void {
    if (this.#draining) return;
    const { length } = this.#running?.snapshot.listeners ?? [];
    this.#service.tell("READY", `serving ${length} listeners`);
  }
}
