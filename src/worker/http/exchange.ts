import type { BackendLeg } from "../../protocols/backend_leg.ts";
import { readTrailers } from "../../protocols/http/chunks.ts";
import type { LegSnapshot } from "../../port/snapshot.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import { headForClient } from "../../protocols/http/forward.ts";
import { staysOpen } from "../../protocols/http/framing.ts";
import type { RequestHead } from "../../protocols/http/request.ts";
import type { HttpRoute } from "../../route/http_routes.ts";
import { Attempt } from "../attempt.ts";
import { throughBreaker } from "../breaker_gate.ts";
import { forget, waitOutFailure } from "../login.ts";
import {
  countLogin,
  logLogin,
  observeStages,
  reportBridge,
} from "../login_report.ts";
import { confirmRoute } from "../login_route.ts";
import { connect } from "../replay.ts";
import {
  ChunkingStream,
  copyBody,
  LAST_CHUNK,
  meterOf,
  takeWaiting,
} from "./body.ts";
import type { Ground } from "./ground.ts";
import { RequestSender } from "./request_sender.ts";
import { type FinalHead, finalHead, Unanswered } from "./response_head.ts";
import { accountOf, ruleFor, type Target, targetOf } from "./routing.ts";

const CHUNKED = { kind: "chunked" } as const;

/** How an exchange leaves the connection. */
export type Outcome = "continue" | "close" | "upgraded";

/** One request and its response. */
export class Exchange {
  readonly attempt = new Attempt();
  readonly #sender: RequestSender;
  /** The request names nobody where its route asks for a name. */
  #isAnonymous = false;
  /** Of the final response; 0 before any of it is sent on. */
  status = 0;

  /** Throws HttpFault. */
  constructor(
    private readonly ground: Ground,
    private readonly request: RequestHead,
  ) {
    this.#sender = new RequestSender(ground, request);
  }

  /** All of the request was passed on. */
  get isSent(): boolean {
    return this.#sender.isSent;
  }

  /** Nothing has passed either way for too long. */
  stall(): void {
    const { session } = this.ground;
    const { attempt } = this;
    if (session.attempt === null) return session.end("idle");
    const isUnderWay = attempt.leg === null || session.stage === "bridge";
    // A hold and a dial have limits of their own.
    if (!isUnderWay || session.stage === "hold") return;
    const isClients = !this.isSent && !this.#sender.expects &&
      (attempt.leg === null || session.leg.reader.buffered === 0);
    if (isClients) attempt.cancel("preauth-timeout");
    else attempt.timeOut();
  }

  /**
   * Have the request answered. `isLast`, asked when the response begins: the connection closes behind it.
   * Throws HttpFault, Unavailable, OverLimit, DialFailed, BackendFailure, or SessionEnd when the attempt was
   * cancelled, while `status` is 0; later what cut the response off.
   */
  async run(isLast: () => boolean): Promise<Outcome> {
    const { core, session, watch } = this.ground;
    const { attempt } = this;
    session.attempt = attempt;
    let head: FinalHead;
    try {
      let target = this.#target();
      if (target instanceof Promise) {
        watch.begin();
        target = await target;
      }
      this.#aim(target.leg);
      head = await this.#ask(target);
      const refusal = this.#judge(head, target);
      if (refusal !== null) await refusal;
      attempt.check();
    } catch (error) {
      attempt.check();
      throw error;
    } finally {
      observeStages(core, attempt.times);
      session.attempt = null;
    }
    session.backend = attempt.leg;
    if (head.response.status === 101) {
      const close = false;
      this.status = 101;
      await this.#write(
        headForClient(head.response, { framing: head.framing, close }),
      );
      return "upgraded";
    }
    return await this.#answer(head, isLast);
  }

  /** Where the request goes, at once where that is known. */
  #target(): Target | Promise<Target> {
    const rule = ruleFor(this.ground.core, this.request);
    if (rule.extract?.from !== "body") return this.#targetBy(rule, null);
    return this.attempt.interruptible(this.#sender.whole())
      .then((body) => this.#targetBy(rule, body));
  }

  #targetBy(
    rule: HttpRoute,
    body: Uint8Array | null,
  ): Target | Promise<Target> {
    const { core, session } = this.ground;
    const { request, attempt } = this;
    const account = accountOf(core, rule, request, body);
    this.#isAnonymous = account === null && rule.extract !== null;
    return targetOf(core, session, attempt, rule, request, account);
  }

  /** Throws HttpFault 421 where the connection's last request went elsewhere. */
  #aim({ destination }: LegSnapshot): void {
    const { session, upstream } = this.ground;
    if ((upstream.destination ?? destination) !== destination) {
      throw new HttpFault(421, "the request is for another destination");
    }
    if (session.destination !== destination) {
      session.destination = destination;
      session.unreported = true;
    }
  }

  async #ask({ leg, account }: Target): Promise<FinalHead> {
    const { core, session, upstream, watch } = this.ground;
    const { attempt } = this;
    const kept = upstream.reuse(leg);
    const first = this.#sender.first(leg);
    if (kept !== null) {
      attempt.leg = kept;
      try {
        return await this.#converse(kept, first);
      } catch (error) {
        const isAgain = error instanceof Unanswered && !attempt.timedOut &&
          this.#sender.isRepeatable;
        attempt.check();
        if (!isAgain) throw error;
      }
    }
    watch.begin();
    return await throughBreaker(core, session, attempt, leg, async () => {
      await connect(core, session, attempt, leg);
      upstream.take(leg, attempt.leg!);
      if (account !== null) {
        await confirmRoute(core, session, attempt, account, leg);
      }
      attempt.check();
      return await this.#converse(attempt.leg!, first);
    });
  }

  async #converse(
    connection: BackendLeg,
    first: Uint8Array,
  ): Promise<FinalHead> {
    this.ground.session.stage = "bridge";
    this.#sender.send(connection, first);
    const { expects } = this.#sender;
    try {
      return await finalHead(this.ground, connection, this.request, expects);
    } catch (error) {
      // A leg that was closed for what the client sent is not to blame.
      throw this.#sender.fault ?? error;
    }
  }

  /** The first response for an account is the verdict on a login; later ones may still refuse it. */
  #judge(
    { response }: FinalHead,
    { account, hasCredentials }: Target,
  ): Promise<void> | null {
    const { core, session } = this.ground;
    if (account === null) return null;
    if (response.status === 401 && hasCredentials) {
      return this.#refused();
    }
    if (session.unreported) reportBridge(core, session);
    return null;
  }

  async #refused(): Promise<void> {
    const { core, session } = this.ground;
    session.failures++;
    countLogin(core, session, "refused");
    logLogin(
      core,
      session,
      "login_failed",
      this.request,
      "refused by the backend",
      "info",
    );
    await waitOutFailure(core, session, this.attempt);
    core.limits.leaveLogin(session);
    forget(core, session);
  }

  /** Pass the response on. */
  async #answer(
    { response, framing }: FinalHead,
    isLast: () => boolean,
  ): Promise<Outcome> {
    const { session, upstream, watch, http } = this.ground;
    const { flow } = session;
    const { reader } = this.attempt.leg!;
    // Who is asked for credentials may be another server's, which this connection cannot lead to.
    const isAsked = this.#isAnonymous && response.status === 401;
    const close = isAsked || isLast() || !this.isSent ||
      !staysOpen(this.request);
    const meter = meterOf(framing, 502);
    const isOpenEnded = framing.kind === "close";
    const waiting = isOpenEnded ? undefined : takeWaiting(reader, meter);
    const how = { framing: isOpenEnded ? CHUNKED : framing, close };
    const first = headForClient(response, how, waiting);
    this.status = response.status;
    await this.#write(first);
    if (!meter.done) {
      const { stream } = session.leg;
      const sink = isOpenEnded ? new ChunkingStream(stream) : stream;
      await copyBody(reader, meter, sink, (count) => {
        flow.backward += count;
        flow.active = true;
      });
    }
    if (isOpenEnded) await this.#write(LAST_CHUNK);
    else if (framing.kind === "chunked") {
      await this.#write(await readTrailers(reader, http.maxHeadSize, 502));
    }
    watch.end();
    session.backend = null;
    const isKept = this.isSent && !isOpenEnded && staysOpen(response);
    if (isKept) upstream.rest();
    else upstream.close();
    return close ? "close" : "continue";
  }

  #write(bytes: Uint8Array): Promise<void> {
    const { flow, leg } = this.ground.session;
    flow.backward += bytes.length;
    flow.active = true;
    return leg.write(bytes);
  }
}
