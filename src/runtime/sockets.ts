/** The sockets on which commands are taken, as the configuration wants them. */
import type { RuntimeSocketConfig } from "../config/schema.ts";
import {
  parseRuntimeBind,
  type RuntimeLevel,
} from "../config/schema_runtime.ts";
import type { RuntimeControl } from "../control/api_runtime.ts";
import type { AuditEntry } from "../control/audit_log.ts";
import { bindNamed } from "../control/binds.ts";
import { formatEndpoint } from "../net/address.ts";
import { type Bound, listenTcp } from "../net/listen.ts";
import {
  listenUnix,
  pathState,
  type UnixListener,
} from "../net/unix_socket.ts";
import type { CarriedCommand } from "../control/takeover/messages.ts";
import type { LogLine } from "../port/messages.ts";
import type { SocketAddress } from "../port/snapshot.ts";
import { reserve } from "../net/reserve.ts";
import type { SocketView } from "./command.ts";
import { performCarried } from "./carried.ts";
import { converse } from "./conversation.ts";
import { groupId, userId } from "./owner.ts";
import { COMMANDS } from "./table.ts";
import type { TakeoverEnd } from "./takeover_end.ts";
import { Turnstile } from "./turnstile.ts";

/** Connections at once on each socket; others wait in the system's queue until one ends. */
const MOST_AT_ONCE = 64;

export interface RuntimeSocketsOptions {
  readonly control: RuntimeControl;
  readonly audit: (entry: AuditEntry) => void;
  readonly log: (line: LogLine) => void;
  readonly takeover: TakeoverEnd;
}

/** What is made and not in use yet. */
export interface PreparedSockets {
  /** Use it, and close what is no longer wanted. */
  commit(): void;
  /** Throw it away. */
  abort(): void;
}

/** A socket that accepts. */
interface Open {
  /** What it was made from, but for the level. */
  readonly key: string;
  level: RuntimeLevel;
  /** Known once it is bound. */
  address: string;
  place(): void;
  /** A UNIX socket gets a second name, and loses it again. */
  stepAside(): void;
  stepBack(): void;
  /** The address of one that is not a UNIX socket. */
  port: SocketAddress | null;
  close(): void;
}

export class RuntimeSockets {
  #open: Open[] = [];
  /** Made, and not to be used before `settleIn`; null where nothing waits for that. */
  #unplaced: Open[] | null;

  /** `succeeding`: another process serves at the same addresses until `settleIn`. */
  constructor(
    private readonly options: RuntimeSocketsOptions,
    succeeding = false,
  ) {
    this.#unplaced = succeeding ? [] : null;
  }

  /** As `show cli sockets` lists them. */
  views(): SocketView[] {
    return this.#open.map(({ address, level }) => ({ address, level }));
  }

  /**
   * Bind what is wanted and not there yet. Throws BindError, and nothing has changed then. A socket
   * whose level alone is another is kept; those who are connected keep theirs.
   */
  async prepare(
    wanted: readonly RuntimeSocketConfig[],
  ): Promise<PreparedSockets> {
    const made: Open[] = [];
    const abort = () => made.forEach((socket) => socket.close());
    const next: [Open, RuntimeLevel][] = [];
    try {
      for (const settings of wanted) {
        const key = keyOf(settings);
        let socket = this.#open.find((open) =>
          open.key === key && !next.some(([taken]) => taken === open)
        );
        if (!socket) {
          socket = await this.#make(settings, key);
          made.push(socket);
        }
        next.push([socket, settings.level]);
      }
    } catch (error) {
      abort();
      throw error;
    }
    return { abort, commit: () => this.#use(next, made) };
  }

  /** The process that served here has let go. */
  settleIn(): void {
    const made = this.#unplaced ?? [];
    this.#unplaced = null;
    for (const socket of made) this.#place(socket);
  }

  /** Do a command that another process was given. */
  execute(carried: CarriedCommand): Promise<string> {
    const { control, audit, takeover } = this.options;
    return performCarried(carried, {
      control,
      audit,
      commands: COMMANDS,
      sockets: () => this.views(),
      end: takeover,
    });
  }

  /** UNIX sockets get a second name each, and leave their paths to another process. */
  stepAside(): void {
    for (const socket of this.#open) socket.stepAside();
  }

  /** UNIX sockets have their paths alone again. */
  stepBack(): void {
    for (const socket of this.#open) socket.stepBack();
  }

  /** Addresses that another process may share. */
  ports(): SocketAddress[] {
    return this.#open.flatMap(({ port }) => port ?? []);
  }

  /** The sockets that are no UNIX sockets take no more connections. */
  leavePorts(): void {
    for (const socket of this.#open) if (socket.port) socket.close();
  }

  /** Close them all; commands under way are finished. */
  close(): void {
    this.#use([], []);
  }

  #use(next: readonly [Open, RuntimeLevel][], made: readonly Open[]): void {
    const before = this.#open;
    this.#open = next.map(([socket]) => socket);
    for (const [socket, level] of next) socket.level = level;
    if (this.#unplaced) this.#unplaced.push(...made);
    else made.forEach((socket) => this.#place(socket));
    for (const socket of before) {
      if (!this.#open.includes(socket)) socket.close();
    }
  }

  #place(socket: Open): void {
    const { address, level } = socket;
    try {
      socket.place();
      this.#tell("info", "runtime_listening", { address, access: level });
    } catch (error) {
      // Somebody took the folder away between the bind and now.
      const { message } = error as Error;
      this.#tell("error", "runtime_socket_lost", { address, reason: message });
    }
  }

  #make(settings: RuntimeSocketConfig, key: string): Promise<Open> {
    return settings.path === undefined
      ? Promise.resolve(this.#makeTcp(settings, key))
      : this.#makeUnix({ ...settings, path: settings.path }, key);
  }

  #makeTcp(settings: RuntimeSocketConfig, key: string): Open {
    const { bind, level } = settings;
    const wanted = parseRuntimeBind(bind!)!;
    const what = `runtime socket: cannot bind ${bind}`;
    // Sockets that share a port would let a second program in by mistake.
    if (!this.#unplaced) bindNamed(what, () => reserve(wanted)).release();
    const door = new Door();
    const open: Open = {
      key,
      level,
      address: "",
      port: null,
      place: () => door.open(),
      stepAside: () => {},
      stepBack: () => {},
      close() {
        bound.close();
        door.shut();
      },
    };
    const bound: Bound = bindNamed(
      what,
      () =>
        listenTcp(
          wanted,
          true,
          (connection) => this.#serve(connection, open, door, null),
          () => door.room(),
        ),
    );
    open.port = bound.address;
    const { hostname, port } = bound.address;
    const family = hostname.includes(":") ? "ipv6" : "ipv4";
    open.address = `${family}@${formatEndpoint(hostname, port)}`;
    return open;
  }

  async #makeUnix(
    settings: RuntimeSocketConfig & { readonly path: string },
    key: string,
  ): Promise<Open> {
    const { path, level, user, group, mode } = settings;
    const exposed = settings.expose_listeners;
    const what = `runtime socket: cannot listen at ${path}`;
    const address = `unix@${path}`;
    const isOurs = this.#open.some((open) => open.address === address);
    const state = await pathState(path).catch((error: Error) => error);
    bindNamed(what, () => {
      if (state instanceof Error) throw state;
      if (state === "other") throw new Error("it is no socket");
      if (state === "live" && !isOurs && !this.#unplaced) {
        throw new Error("another program answers there");
      }
    });
    const door = new Door();
    const open: Open = {
      key,
      level,
      address,
      place() {
        listener.place();
        door.open();
      },
      port: null,
      stepAside: () => listener.stepAside(),
      stepBack: () => listener.stepBack(),
      close() {
        listener.close();
        door.shut();
      },
    };
    const listener: UnixListener = bindNamed(what, () =>
      listenUnix(
        path,
        {
          mode: parseInt(mode, 8),
          uid: user === undefined ? null : userId(user),
          gid: group === undefined ? null : groupId(group),
        },
        (connection) =>
          this.#serve(connection, open, door, exposed ? path : null),
        () => door.room(),
      ));
    return open;
  }

  #serve(
    connection: Deno.Conn,
    open: Open,
    door: Door,
    exposed: string | null,
  ): void {
    const { control, audit, takeover } = this.options;
    door.turnstile.enter();
    void converse(connection, {
      control,
      audit,
      commands: COMMANDS,
      level: open.level,
      address: open.address,
      sockets: () => this.views(),
      takeover,
      exposed,
      closed: door.closed,
      failed: (error) =>
        this.#tell("error", "bug", {
          error: error instanceof Error
            ? error.stack ?? error.message
            : String(error),
        }),
    }).finally(() => door.turnstile.leave());
  }

  #tell(
    level: LogLine["level"],
    event: string,
    fields: LogLine["fields"],
  ): void {
    this.options.log({ level, event, fields });
  }
}

/** Who is let in by a socket: nobody before it is in use, and only so many at once. */
class Door {
  readonly turnstile = new Turnstile(MOST_AT_ONCE);
  readonly #opened = Promise.withResolvers<void>();
  readonly #closing = new AbortController();

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  async room(): Promise<void> {
    await this.#opened.promise;
    await this.turnstile.room();
  }

  open(): void {
    this.#opened.resolve();
  }

  shut(): void {
    this.#opened.resolve();
    this.#closing.abort();
  }
}

function keyOf(settings: RuntimeSocketConfig): string {
  const { path, bind, user, group, mode, expose_listeners } = settings;
  return JSON.stringify([path, bind, user, group, mode, expose_listeners]);
}
