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
import type { LogLine } from "../port/messages.ts";
import type { SocketView } from "./command.ts";
import { converse } from "./conversation.ts";
import { groupId, userId } from "./owner.ts";
import { COMMANDS } from "./table.ts";
import { Turnstile } from "./turnstile.ts";

/** Connections at once on each socket; others wait in the system's queue until one ends. */
const MOST_AT_ONCE = 64;

export interface RuntimeSocketsOptions {
  readonly control: RuntimeControl;
  readonly audit: (entry: AuditEntry) => void;
  readonly log: (line: LogLine) => void;
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
  close(): void;
}

export class RuntimeSockets {
  #open: Open[] = [];

  constructor(private readonly options: RuntimeSocketsOptions) {}

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

  /** Close them all; commands under way are finished. */
  close(): void {
    this.#use([], []);
  }

  #use(next: readonly [Open, RuntimeLevel][], made: readonly Open[]): void {
    const before = this.#open;
    this.#open = next.map(([socket]) => socket);
    for (const [socket, level] of next) socket.level = level;
    for (const socket of made) {
      try {
        socket.place();
        this.#tell("info", "runtime_listening", {
          address: socket.address,
          access: socket.level,
        });
      } catch (error) {
        // Somebody took the folder away between the bind and now.
        this.#tell("error", "runtime_socket_lost", {
          address: socket.address,
          reason: (error as Error).message,
        });
      }
    }
    for (const socket of before) {
      if (!this.#open.includes(socket)) socket.close();
    }
  }

  #make(settings: RuntimeSocketConfig, key: string): Promise<Open> {
    return settings.path === undefined
      ? Promise.resolve(this.#makeTcp(settings, key))
      : this.#makeUnix({ ...settings, path: settings.path }, key);
  }

  #makeTcp(settings: RuntimeSocketConfig, key: string): Open {
    const { bind, level } = settings;
    const door = new Door();
    const open: Open = {
      key,
      level,
      address: "",
      place: () => door.open(),
      close() {
        bound.close();
        door.shut();
      },
    };
    const bound: Bound = bindNamed(
      `runtime socket: cannot bind ${bind}`,
      () =>
        listenTcp(
          parseRuntimeBind(bind!)!,
          false,
          (connection) => this.#serve(connection, open, door),
          () => door.room(),
        ),
    );
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
    const what = `runtime socket: cannot listen at ${path}`;
    const address = `unix@${path}`;
    const isOurs = this.#open.some((open) => open.address === address);
    const state = await pathState(path).catch((error: Error) => error);
    bindNamed(what, () => {
      if (state instanceof Error) throw state;
      if (state === "other") throw new Error("it is no socket");
      if (state === "live" && !isOurs) {
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
        (connection) => this.#serve(connection, open, door),
        () => door.room(),
      ));
    return open;
  }

  #serve(connection: Deno.Conn, open: Open, door: Door): void {
    const { control, audit } = this.options;
    door.turnstile.enter();
    void converse(connection, {
      control,
      audit,
      commands: COMMANDS,
      level: open.level,
      address: open.address,
      sockets: () => this.views(),
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
  const { path, bind, user, group, mode } = settings;
  return JSON.stringify([path, bind, user, group, mode]);
}
