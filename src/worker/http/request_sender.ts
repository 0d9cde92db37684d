import { writeAll } from "../../net/byte_stream.ts";
import type { BackendLeg } from "../../protocols/backend_leg.ts";
import { readTrailers } from "../../protocols/http/chunks.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import { headForBackend } from "../../protocols/http/forward.ts";
import { type Framing, requestFraming } from "../../protocols/http/framing.ts";
import { CONTINUE } from "../../protocols/http/replies.ts";
import type { RequestHead } from "../../protocols/http/request.ts";
import type { LegSnapshot } from "../../port/snapshot.ts";
import {
  BrokenOff,
  copyBody,
  type Meter,
  meterOf,
  takeWaiting,
} from "./body.ts";
import type { Ground } from "./ground.ts";
import { wholeBody } from "./whole_body.ts";

/** RFC 9110 9.2.2: what may be sent once more when its connection broke off. */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
  "PROPFIND",
  "REPORT",
]);

/** Passes one request on to a backend: its head, and its body as it comes. */
export class RequestSender {
  readonly #framing: Framing;
  readonly #body: Meter;
  #expects: boolean;
  #isSent = false;
  #sending = false;
  #fault: HttpFault | null = null;

  /** Throws HttpFault for a body that cannot be told from what follows it. */
  constructor(
    private readonly ground: Ground,
    private readonly request: RequestHead,
  ) {
    this.#framing = requestFraming(request);
    this.#body = meterOf(this.#framing, 400);
    this.#expects = this.#framing.kind !== "none" &&
      request.fields.has("expect");
  }

  /** The client holds its body back until it is told to go on, and has not been told. */
  get expects(): boolean {
    return this.#expects;
  }

  /** All of the request was passed on. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** What the client got wrong in its body. */
  get fault(): HttpFault | null {
    return this.#fault;
  }

  /** Whether it does no harm to send `first` again, which is all of the request. */
  get isRepeatable(): boolean {
    return this.#isSent && !this.#sending &&
      IDEMPOTENT.has(this.request.method);
  }

  /** The body, without consuming it. Throws HttpFault 413, SessionEnd when the client leaves. */
  async whole(): Promise<Uint8Array> {
    const { session: { leg }, http } = this.ground;
    const cap = http.bodyExtractCap;
    return await wholeBody(leg.reader, this.#framing, cap, async () => {
      if (!this.#expects) return;
      this.#expects = false;
      await leg.write(CONTINUE);
    });
  }

  /** The head for `leg`, and what is there of the body. */
  first(leg: LegSnapshot): Uint8Array {
    const { listener, client, leg: { reader }, flow } = this.ground.session;
    const first = headForBackend(this.request, {
      framing: this.#framing,
      trusted: listener.trustsForwarded === true,
      client: leg.forwarded ? client.hostname : null,
      expect: this.#expects,
    }, takeWaiting(reader, this.#body));
    flow.forward += first.length;
    flow.active = true;
    return first;
  }

  /** Have `first` sent, and the rest as it comes. */
  send(connection: BackendLeg, first: Uint8Array): void {
    const isAll = this.#body.done && this.#framing.kind !== "chunked";
    if (isAll) this.#allSent();
    // A backend that takes no more may have answered before.
    const sent = writeAll(connection.stream, first).catch(() => {});
    if (isAll || this.#sending) return;
    this.#sending = true;
    void sent.then(() => this.#sendRest(connection));
  }

  async #sendRest(connection: BackendLeg): Promise<void> {
    const { session, http, watch } = this.ground;
    watch.end();
    const { leg: { reader }, flow } = session;
    try {
      await copyBody(reader, this.#body, connection.stream, (count) => {
        flow.forward += count;
        flow.active = true;
      });
      if (this.#framing.kind === "chunked") {
        const trailers = await readTrailers(reader, http.maxHeadSize, 400);
        flow.forward += trailers.length;
        await writeAll(connection.stream, trailers);
      }
      this.#allSent();
    } catch (error) {
      this.#broken(error, connection);
    }
  }

  #broken(error: unknown, connection: BackendLeg): void {
    const { session } = this.ground;
    if (error instanceof HttpFault) {
      this.#fault = error;
      // The backend must not take what it has got for a request.
      connection.close();
      if (session.attempt === null) session.end("request-refused");
    } else if (error instanceof BrokenOff && error.leg === "source") {
      session.end("client-closed");
    }
    // A backend that takes no more may still answer.
  }

  #allSent(): void {
    this.#isSent = true;
    this.ground.watch.begin();
  }
}
