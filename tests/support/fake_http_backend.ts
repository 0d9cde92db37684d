/**
 * An HTTP server in this process that answers as the test tells it, its faults included, and remembers
 * every octet that it was sent. A request that is malformed fails the test when the backend is closed.
 */
import type { Certificate } from "./certs.ts";
import {
  type BodySize,
  bodySize,
  latin1,
  MalformedMessage,
  readBody,
  readChunk,
  readHead,
  readTrailers,
  type SeenFields,
  type SeenHead,
} from "./http_message.ts";
import { readProxyHeader, type SeenProxyHeader } from "./proxy_header.ts";
import { FakeServer } from "./fake_server.ts";
import { Wire } from "./wire.ts";

/** A request as the backend saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: SeenFields;
  /** Undefined until it was read whole. */
  body: string | undefined;
  trailers: SeenFields | undefined;
}

/** One connection as the backend saw it. */
export interface SeenConnection {
  proxy: SeenProxyHeader | undefined;
  readonly requests: SeenRequest[];
  /** Every octet behind the PROXY header and TLS, a character for each. */
  octets: string;
  closed: boolean;
}

export interface Reply {
  readonly fields?: Readonly<Record<string, string>>;
  /** Sent with its Content-Length. */
  readonly body?: string;
}

/** A whole response. */
export function response(status: number, reply: Reply = {}): string {
  const { fields = {}, body = "" } = reply;
  const { length } = new TextEncoder().encode(body);
  const lines = Object.entries({ ...fields, "Content-Length": String(length) })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Said\r\n${lines.join("")}\r\n${body}`;
}

/** One request that is being answered. */
export class HttpTalk {
  #size: BodySize;

  constructor(
    private readonly wire: Wire,
    readonly request: SeenRequest,
    /** Which connection it came over, the first being 0. */
    readonly connection: number,
    readonly name: string,
  ) {
    this.#size = bodySize(request.fields);
  }

  /** What is left of the body. */
  async body(): Promise<string> {
    if (this.request.body === undefined) {
      const { body, trailers } = await readBody(this.wire, this.#size);
      this.request.body = body;
      this.request.trailers = trailers;
    }
    return this.request.body;
  }

  /** So many octets as they come, of the body or of what was upgraded to; null at the end. */
  async text(count: number): Promise<string | null> {
    if (typeof this.#size === "number") {
      this.#size -= count;
      if (this.#size < 0) throw new Error("octets behind the request's body");
    }
    const bytes = await this.wire.readBytes(count);
    return bytes && new TextDecoder().decode(bytes);
  }

  /** The next chunk's data; null for the last, behind which `trailers` ends the request. */
  async chunk(): Promise<string | null> {
    const data = await readChunk(this.wire);
    return data && new TextDecoder().decode(data);
  }

  async trailers(): Promise<SeenFields> {
    this.request.trailers = await readTrailers(this.wire);
    this.request.body = "";
    return this.request.trailers;
  }

  send(data: string | Uint8Array): Promise<void> {
    return this.wire.send(data);
  }

  reply(status: number, reply: Reply = {}): Promise<void> {
    return this.send(response(status, reply));
  }

  /** Say nothing more until the other side closes. */
  async hang(): Promise<void> {
    await this.wire.drain();
  }

  close(): void {
    this.wire.close();
  }
}

export interface HttpBackendOptions {
  readonly name: string;
  /** A PROXY v2 header comes first. */
  readonly proxy?: boolean;
  /** TLS from the first octet, or behind the PROXY header. */
  readonly certificate?: Certificate;
}

export type Answer = (talk: HttpTalk) => Promise<void> | void;

export class FakeHttpBackend extends FakeServer {
  readonly connections: SeenConnection[] = [];
  /** May be changed while running. */
  answer: Answer = ordinary;
  readonly #complaints: string[] = [];

  constructor(readonly options: HttpBackendOptions) {
    super(options);
  }

  /** The requests of all connections. */
  get requests(): SeenRequest[] {
    return this.connections.flatMap(({ requests }) => requests);
  }

  /** The request that came last. */
  get last(): SeenRequest {
    const last = this.requests.at(-1);
    if (!last) throw new Error(`${this.options.name} was asked nothing`);
    return last;
  }

  /** Every octet of all connections. */
  get octets(): string {
    return this.connections.map(({ octets }) => octets).join("");
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    if (this.#complaints.length > 0) {
      throw new Error(`${this.options.name}: ${this.#complaints.join(", ")}`);
    }
  }

  protected async serve(conn: Deno.TcpConn): Promise<void> {
    conn.setNoDelay(true);
    const seen: SeenConnection = {
      proxy: undefined,
      requests: [],
      octets: "",
      closed: false,
    };
    this.connections.push(seen);
    const index = this.connections.length - 1;
    const raw = new Wire(conn, (octets) => seen.octets += latin1(octets));
    const { endpoint } = this;
    let splice: Promise<void> = Promise.resolve();
    let wire = raw;
    try {
      if (this.options.proxy) {
        seen.proxy = await readProxyHeader(raw);
        seen.octets = seen.octets.slice(seen.octets.length - raw.buffered);
      }
      if (endpoint) {
        seen.octets = "";
        const upgraded = await endpoint.upgrade(raw);
        splice = upgraded.splice;
        wire = new Wire(upgraded.conn, (octets) => {
          seen.octets += latin1(octets);
        });
      }
      for (let head; (head = await readHead(wire)) !== null;) {
        const request = requestOf(head);
        seen.requests.push(request);
        const talk = new HttpTalk(wire, request, index, this.options.name);
        await this.answer(talk);
        await talk.body();
      }
    } catch (error) {
      // Others say that the other side left; what it said before is in `seen`.
      if (error instanceof MalformedMessage) {
        this.#complaints.push(error.message);
      }
    } finally {
      seen.closed = true;
      wire.close();
      // What was said last still has to pass through the splice.
      await splice;
      raw.close();
    }
  }
}

/** What a backend answers unless told otherwise: who it is and what it was asked. */
export async function ordinary(talk: HttpTalk): Promise<void> {
  const { method, target } = talk.request;
  await talk.body();
  const body = `${talk.name} ${method} ${target}`;
  await talk.reply(200, { fields: { "X-Server": talk.name }, body });
}

function requestOf({ start, fields }: SeenHead): SeenRequest {
  const [, method, target] =
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/1\.1$/.exec(start) ?? [];
  if (method === undefined || target === undefined) {
    throw new MalformedMessage(`request line ${JSON.stringify(start)}`);
  }
  if (fields.one("host") === undefined) throw new MalformedMessage("no Host");
  bodySize(fields);
  return { method, target, fields, body: undefined, trailers: undefined };
}
