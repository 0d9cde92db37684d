import type { LineReader } from "../../net/line_reader.ts";
import type { EndReason } from "../../port/messages.ts";
import type { HttpSnapshot } from "../../port/snapshot.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import { readHead, takeHead } from "../../protocols/http/head_reader.ts";
import {
  parseRequestHead,
  type RequestHead,
} from "../../protocols/http/request.ts";
import type { WorkerCore } from "../core.ts";
import { IdleWatch } from "../idle.ts";
import { countLogin, logLogin } from "../login_report.ts";
import type { Session } from "../session.ts";
import { recordRequest } from "./access_log.ts";
import { ClientWatch } from "./client_watch.ts";
import { type Ending, endingOf, linger, refuse } from "./endings.ts";
import { Exchange, type Outcome } from "./exchange.ts";
import type { Ground } from "./ground.ts";
import { Rest } from "./rest.ts";
import { Upstream } from "./upstream.ts";

/** A client's connection behind its handshake, and the requests that come over it. */
export class Connection implements Ground {
  readonly upstream = new Upstream();
  readonly watch: ClientWatch;
  /** `relay_idle`: while a request or its response is on its way. */
  readonly #idle: IdleWatch;
  /** Between requests, the client is left without an answer. */
  readonly #leave = (reason: EndReason): void => {
    this.session.mark(reason);
    this.session.leg.close();
  };
  /** Whether no further request is waited for. */
  readonly #isLast = (): boolean => {
    const { core, session, http } = this;
    return core.leaving || this.#requests >= http.maxKeepaliveRequests ||
      session.failures >= session.listener.maxAuthAttempts;
  };
  readonly #rest: Rest;
  #requests = 0;
  /** The last one. */
  #exchange: Exchange | null = null;
  /** The answer to a head that did not come in time. */
  #parting: Promise<void> | null = null;

  /** `http`: as of now, for all of the connection. */
  constructor(
    readonly core: WorkerCore,
    readonly session: Session,
    readonly http: HttpSnapshot,
  ) {
    this.watch = new ClientWatch(
      core.deadlines,
      session.leg.reader,
      () => session.end("client-closed"),
    );
    this.#rest = new Rest(
      core.deadlines,
      http.keepaliveTimeout,
      () => this.#leave("idle"),
    );
    this.#idle = new IdleWatch(
      core.deadlines,
      http.relayIdle,
      session.flow,
      () => this.#exchange?.stall(),
    );
    this.#idle.pause();
  }

  /**
   * Serve requests until the connection is over, which is marked then; "upgraded": its streams are to be
   * bridged. Throws what is a bug.
   */
  async serve(): Promise<"over" | "upgraded"> {
    let outcome: Outcome | "over" = "continue";
    while (outcome === "continue") {
      let request = await this.#next();
      if (request === null) {
        await this.#parting;
        this.session.mark("client-closed");
        return "over";
      }
      outcome = await this.#serve(request);
      // The engine keeps what a variable holds for as long as the wait for the next one takes.
      request = null;
    }
    if (outcome === "over") return outcome;
    if (outcome === "upgraded") {
      this.#rest.stop();
      this.#idle.stop();
      this.watch.end();
      return outcome;
    }
    this.session.mark("last-response");
    await linger(this.core, this.session);
    return "over";
  }

  close(): void {
    this.#rest.stop();
    this.#idle.stop();
    this.watch.end();
    this.upstream.close();
  }

  /** Null when the client has left, or was left; what is wrong with a request that is none. */
  async #next(): Promise<RequestHead | HttpFault | null> {
    const { session, http: { maxHeadSize } } = this;
    const { reader } = session.leg;
    session.part = this.#leave;
    if (this.core.draining) this.#leave("drained");
    try {
      if (this.#requests > 0 && reader.buffered === 0) {
        this.#rest.begin();
        const hasMore = await reader.more();
        this.#rest.end();
        if (!hasMore) return null;
      }
      const head = takeHead(reader, maxHeadSize) ??
        await this.#slowHead(reader);
      return head && parseRequestHead(head);
    } catch (error) {
      if (session.ended !== null) return null;
      if (error instanceof HttpFault) return error;
      throw error;
    } finally {
      session.part = null;
    }
  }

  /** A head that does not come all at once, for which there is a limit. */
  async #slowHead(reader: LineReader): Promise<Uint8Array | null> {
    const { core, session, http } = this;
    const late = core.deadlines.after(session.listener.preauthTimeout, () => {
      if (reader.buffered === 0) return this.#leave("preauth-timeout");
      session.mark("preauth-timeout");
      this.#parting = refuse(core, session, 408);
    });
    try {
      return await readHead(reader, http.maxHeadSize, "request");
    } finally {
      late.cancel();
    }
  }

  async #serve(next: RequestHead | HttpFault): Promise<Outcome | "over"> {
    const { core, session, http } = this;
    const { forward, backward } = session.flow;
    const began = http.accessLog ? performance.now() : 0;
    const request = next instanceof HttpFault ? null : next;
    let status = 0;
    this.#requests++;
    this.#idle.resume();
    try {
      if (next instanceof HttpFault) throw next;
      this.#exchange = new Exchange(this, next);
      const outcome = await this.#exchange.run(this.#isLast);
      status = this.#exchange.status;
      return outcome;
    } catch (error) {
      status = await this.#giveUp(error, request);
      return "over";
    } finally {
      this.#idle.pause();
      this.#exchange = null;
      const served = { request, status, began, forward, backward };
      recordRequest(core, session, served, http.accessLog);
    }
  }

  /** Answer a request that is not served, if it still can be; the status that the client has seen. */
  async #giveUp(error: unknown, request: RequestHead | null): Promise<number> {
    const { core, session } = this;
    const exchange = this.#exchange;
    const begun = exchange?.status ?? 0;
    const ending = endingOf(error, exchange?.attempt.timedOut ?? false);
    if (ending === null) throw error;
    session.mark(ending.reason, ending.message);
    // What is half sent can only be cut off.
    if (begun !== 0) return begun;
    this.upstream.close();
    this.#tell(ending, request);
    if (ending.status === null) return 0;
    await refuse(core, session, ending.status, request?.method);
    return ending.status;
  }

  /** A request for an account that comes to nothing is a login that does. */
  #tell({ reason, message }: Ending, request: RequestHead | null): void {
    const { core, session } = this;
    if (request === null) return;
    if (reason === "limit") {
      logLogin(core, session, "login_limited", request, message, "info");
      countLogin(core, session, "limited");
    } else if (reason === "backend-unavailable") {
      logLogin(core, session, "login_unavailable", request, message, "warn");
      countLogin(core, session, "unavailable");
    }
  }
}
