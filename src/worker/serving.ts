import { isPassThrough } from "../config/protocols.ts";
import { abandon } from "../net/abandon.ts";
import { canonicalAddress, formatEndpoint } from "../net/address.ts";
import { bindFailure } from "../net/bind_failure.ts";
import {
  type Bound,
  HTTP_ALPN,
  listenTcp,
  listenTls,
  type TlsOffer,
} from "../net/listen.ts";
import { LoopbackTls } from "../net/loopback_tls.ts";
import type {
  ListenerSnapshot,
  SocketAddress,
  WorkerSnapshot,
} from "../port/snapshot.ts";
import { lineProtocol } from "../protocols/table.ts";
import { HttpRoutes } from "../route/http_routes.ts";
import { isRefusedAtOnce } from "./access.ts";
import { ClientLeg } from "./client_leg.ts";
import type { Generation, WorkerCore } from "./core.ts";
import { runHttp } from "./http/session.ts";
import { runPassthrough } from "./passthrough.ts";
import { runSession } from "./pipeline.ts";
import { runRecipients } from "./recipients/session.ts";
import { Session } from "./session.ts";

/** One bound address of one listener. */
interface Socket {
  /** Two sockets with the same key need not be bound anew. */
  readonly key: string;
  readonly bound: Bound;
  /** Whose settings new connections get; null until its generation is committed. */
  listener: ListenerSnapshot | null;
  /** Connections that came between bind and commit. */
  waiting: Deno.Conn[];
}

/** A generation that is made and not served. */
interface Prepared {
  readonly snapshot: WorkerSnapshot;
  readonly loopback: LoopbackTls;
  readonly routes: HttpRoutes | null;
  /** All sockets of the generation, kept and new. */
  readonly sockets: Map<string, Socket>;
  readonly fresh: readonly Socket[];
}

/**
 * The listeners of a worker. A new snapshot is prepared (everything new is bound), then committed or
 * aborted; sockets that both generations share are not touched.
 */
export class Serving {
  #sockets = new Map<string, Socket>();
  #prepared: Prepared | null = null;
  /** Of generations before; they accept until nothing comes to them any more. */
  #retiring: Socket[] = [];

  /** `loopbackHost`: an address of 127.0.0.0/8 of this worker's own. */
  constructor(
    private readonly core: WorkerCore,
    private readonly loopbackHost: string,
  ) {}

  /** Throws an error that names what cannot be bound; nothing has changed then. */
  prepare(snapshot: WorkerSnapshot): void {
    this.abort();
    const current = this.core.served;
    const sameTls = current !== null &&
      sameCertificates(current.snapshot, snapshot);
    const loopback = sameTls ? current.loopback : new LoopbackTls(
      this.loopbackHost,
      snapshot.certificates,
      this.core.deadlines,
    );
    const { http, jwtUsernameClaim } = snapshot;
    const routes = http ? new HttpRoutes(http.routes, jwtUsernameClaim) : null;
    const sockets = new Map<string, Socket>();
    const fresh: Socket[] = [];
    try {
      for (const listener of snapshot.listeners) {
        for (const address of listener.bind) {
          const key = socketKey(listener, address, snapshot);
          const kept = sameTls || !nativeTls(listener, snapshot)
            ? this.#sockets.get(key)
            : undefined;
          const socket = kept ?? this.#bind(key, listener, address, snapshot);
          if (!kept) fresh.push(socket);
          sockets.set(key, socket);
        }
      }
    } catch (error) {
      for (const socket of fresh) socket.bound.close();
      if (!sameTls) loopback.close();
      throw error;
    }
    this.#prepared = { snapshot, loopback, routes, sockets, fresh };
  }

  /** Throws when something else is prepared: two configurations may be on their way to a new worker. */
  commit(generation: number): void {
    const prepared = this.#prepared;
    if (prepared?.snapshot.generation !== generation) {
      throw new Error(`generation ${generation} is not prepared`);
    }
    this.#prepared = null;
    const old = this.core.served;
    this.core.generation = prepared;
    this.core.slots.configure(prepared.snapshot.listeners.map((l) => l.name));
    this.core.limits.configure(prepared.snapshot.limits);
    const { connections = null, logins = null } = prepared.snapshot.paces ?? {};
    this.core.paces.connections.configure(connections);
    this.core.paces.logins.configure(logins);
    for (const listener of prepared.snapshot.listeners) {
      for (const address of listener.bind) {
        prepared.sockets.get(socketKey(listener, address, prepared.snapshot))!
          .listener = listener;
      }
    }
    for (const [key, socket] of this.#sockets) {
      const successor = prepared.sockets.get(key);
      if (successor === socket) continue;
      if (successor) socket.listener = successor.listener;
      this.#retiring.push(socket);
    }
    this.#sockets = prepared.sockets;
    if (old && old.loopback !== prepared.loopback) this.#retire(old);
    for (const socket of prepared.fresh) {
      for (const connection of socket.waiting) {
        this.#accept(socket.listener!, connection);
      }
      socket.waiting = [];
    }
    // A leg that was changed must be seen by logins that are under way.
    this.core.routes.invalidate(null);
    for (const session of this.core.sessions.all()) {
      if (session.attempt) session.attempt.stale = true;
    }
  }

  /** Close what a commit has left accepting. */
  retire(): void {
    for (const socket of this.#retiring) socket.bound.close();
    this.#retiring = [];
  }

  /** Throw the prepared generation away; harmless when there is none. */
  abort(): void {
    const prepared = this.#prepared;
    if (!prepared) return;
    this.#prepared = null;
    for (const socket of prepared.fresh) {
      socket.bound.close();
      for (const connection of socket.waiting) turnAway(connection);
    }
    if (this.core.served?.loopback !== prepared.loopback) {
      prepared.loopback.close();
    }
  }

  /** Stop accepting; upgrades of open sessions still work. */
  drain(): void {
    this.abort();
    this.retire();
    for (const socket of this.#sockets.values()) socket.bound.close();
    this.#sockets.clear();
  }

  /** Clients whose upgrade is under way need the loopback listener until their time is up. */
  #retire({ snapshot, loopback }: Generation): void {
    const limits = snapshot.listeners.map((l) => l.preauthTimeout);
    const longest = Math.max(0, ...limits);
    this.core.deadlines.after(longest, () => loopback.close());
  }

  #bind(
    key: string,
    listener: ListenerSnapshot,
    address: SocketAddress,
    snapshot: WorkerSnapshot,
  ): Socket {
    const onConnection = (connection: Deno.Conn) => {
      if (socket.listener) this.#accept(socket.listener, connection);
      else socket.waiting.push(connection);
    };
    let bound: Bound;
    try {
      bound = nativeTls(listener, snapshot)
        ? listenTls(address, true, offerOf(listener, snapshot), onConnection)
        : listenTcp(address, true, onConnection);
    } catch (error) {
      const at = formatEndpoint(address.hostname, address.port);
      throw new Error(
        `listener ${listener.name}: cannot bind ${at}: ${bindFailure(error)}`,
      );
    }
    const socket: Socket = { key, bound, listener: null, waiting: [] };
    return socket;
  }

  #accept(listener: ListenerSnapshot, connection: Deno.Conn): void {
    const { hostname } = connection.remoteAddr as Deno.NetAddr;
    if (isRefusedAtOnce(listener, hostname)) {
      return this.#refuse(listener, connection, "acl");
    }
    const turn = this.core.paces.connections.turn();
    if (turn === null) return this.#take(listener, connection);
    void turn.then(() =>
      this.core.draining
        ? turnAway(connection)
        : this.#take(listener, connection)
    );
  }

  #take(listener: ListenerSnapshot, connection: Deno.Conn): void {
    const admitted = this.core.slots.take(listener.name);
    if (typeof admitted === "boolean") {
      this.#admit(listener, connection, admitted);
    } else void admitted.then((yes) => this.#admit(listener, connection, yes));
  }

  #admit(
    listener: ListenerSnapshot,
    connection: Deno.Conn,
    admitted: boolean,
  ): void {
    const { core } = this;
    if (!admitted) return this.#refuse(listener, connection, "max-connections");
    core.reporter.count("connections_accepted");
    void this.#run(newSession(core, listener, connection));
  }

  /** Closed at once, but not without a trace. */
  #refuse(
    listener: ListenerSnapshot,
    connection: Deno.Conn,
    reason: "max-connections" | "acl",
  ): void {
    const { core } = this;
    const session = newSession(core, listener, connection);
    turnAway(connection);
    core.reporter.count(
      reason === "acl" ? "connections_denied" : "connections_refused",
    );
    session.mark(reason);
    this.#reportOpen(session);
    this.#reportClose(session);
  }

  #reportOpen({ id, listener, client }: Session): void {
    this.core.reporter.session({
      kind: "open",
      id,
      listener: listener.name,
      protocol: listener.protocol,
      peer: formatEndpoint(client.hostname, client.port),
      since: Date.now(),
    });
  }

  #reportClose(session: Session): void {
    this.core.reporter.session({
      kind: "close",
      id: session.id,
      reason: session.ended ?? "error",
      stage: session.stage,
      bytesIn: session.flow.forward,
      bytesOut: session.flow.backward,
      ...(session.detail === undefined ? {} : { detail: session.detail }),
    });
  }

  async #run(session: Session): Promise<void> {
    const { core } = this;
    core.sessions.add(session);
    this.#reportOpen(session);
    const { protocol, byRecipient } = session.listener;
    await (byRecipient
      ? runRecipients(core, session)
      : isPassThrough(protocol)
      ? runPassthrough(core, session)
      : protocol === "http"
      ? runHttp(core, session)
      : runSession(core, lineProtocol(protocol), session));
    if (session.unreported) reportChange(core, session);
    this.#reportClose(session);
    core.sessions.remove(session);
    core.limits.leave(session);
    core.slots.release(session.listener.name);
  }
}

function newSession(
  core: WorkerCore,
  listener: ListenerSnapshot,
  connection: Deno.Conn,
): Session {
  return new Session(
    core.nextSessionId(),
    listener,
    endpoint(connection.remoteAddr),
    endpoint(connection.localAddr),
    new ClientLeg(connection),
  );
}

/** Tell of everything that has changed since the session was last told of. */
export function reportChange(core: WorkerCore, session: Session): void {
  session.unreported = false;
  session.reported = session.account !== null;
  session.reportedStage = session.stage;
  session.reportedBytes = session.flow.forward + session.flow.backward;
  core.reporter.session({
    kind: "change",
    id: session.id,
    stage: session.stage,
    bytesIn: session.flow.forward,
    bytesOut: session.flow.backward,
    ...(session.account === null ? {} : { identifier: session.account }),
    ...(session.destination === null
      ? {}
      : { destination: session.destination }),
  });
}

/** Close a connection that was not served. */
function turnAway(connection: Deno.Conn): void {
  if ("handshake" in connection) abandon(connection as Deno.TlsConn);
  else connection.close();
}

/**
 * The runtime's own TLS listener does where nothing has to be seen before the handshake: no address, no
 * version, and no name by which a certificate is picked.
 */
function nativeTls(
  listener: ListenerSnapshot,
  snapshot: WorkerSnapshot,
): boolean {
  return listener.tls === "implicit" && listener.proxyProtocol === "off" &&
    snapshot.minTlsVersion === "1.2" && snapshot.certificates.length === 1;
}

function offerOf(
  { protocol }: ListenerSnapshot,
  { certificates }: WorkerSnapshot,
): TlsOffer {
  const certificate = certificates[0]!;
  return protocol === "http"
    ? { ...certificate, alpn: HTTP_ALPN }
    : certificate;
}

function socketKey(
  listener: ListenerSnapshot,
  address: SocketAddress,
  snapshot: WorkerSnapshot,
): string {
  const tls = listener.protocol === "http" ? "https" : "tls";
  const kind = nativeTls(listener, snapshot) ? tls : "tcp";
  return `${listener.name} ${kind} ${
    formatEndpoint(address.hostname, address.port)
  }`;
}

function sameCertificates(a: WorkerSnapshot, b: WorkerSnapshot): boolean {
  return a.minTlsVersion === b.minTlsVersion &&
    JSON.stringify(a.certificates) === JSON.stringify(b.certificates);
}

function endpoint(address: Deno.Addr): SocketAddress {
  const { hostname, port } = address as Deno.NetAddr;
  return { hostname: canonicalAddress(hostname), port };
}
