/** A raw HTTP client: sends any bytes in any pieces, and reads responses strictly. */
import {
  bodySize,
  MalformedMessage,
  readBody,
  readChunk,
  readHead,
  readTrailers,
  type SeenBody,
  SeenFields,
} from "./http_message.ts";
import { PASSWORD } from "./proxy_config.ts";
import { within } from "./wait.ts";
import { Wire } from "./wire.ts";
import { connect, type Target, WireClient } from "./wire_client.ts";

export interface ResponseStart {
  readonly status: number;
  readonly reason: string;
  readonly fields: SeenFields;
}

export interface SeenResponse extends ResponseStart, SeenBody {
  /** Status codes of the interim responses (1xx) before it. */
  readonly interim: readonly number[];
}

export interface RequestParts {
  /** Field lines besides Host, Content-Length and Authorization. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Sent with its Content-Length. */
  readonly body?: string;
  /** Basic credentials of this user. */
  readonly as?: string;
  readonly host?: string;
}

/** A whole request. */
export function request(
  method: string,
  target: string,
  { fields = {}, body, as, host = "proxy.test" }: RequestParts = {},
): string {
  const lines = Object.entries({
    Host: host,
    ...(as !== undefined && { Authorization: basic(as) }),
    ...fields,
    ...(body !== undefined && {
      "Content-Length": String(new TextEncoder().encode(body).length),
    }),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`;
}

/** The value of Authorization for a user and the password of the tests. */
export function basic(user: string, password = PASSWORD): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${bytes.toBase64()}`;
}

/** The value of Authorization with an unsigned JWT that has these claims. */
export function bearer(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value))
      .toBase64({ alphabet: "base64url", omitPadding: true });
  return `Bearer ${part({ alg: "none" })}.${part(claims)}.c2lnbmF0dXJl`;
}

export class HttpClient extends WireClient {
  /** Connect without TLS. */
  static async plain(target: Target): Promise<HttpClient> {
    return new HttpClient(await connect(target));
  }

  /** Connect with TLS; `alpn`: protocols that the client offers. */
  static async tls(
    target: Target,
    ca: string,
    alpn: readonly string[] = [],
  ): Promise<HttpClient> {
    const client = await HttpClient.plain(target);
    try {
      await client.handshake(ca, alpn);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** TLS from here on. Answers the protocol that was agreed on. */
  async handshake(
    ca: string,
    alpn: readonly string[] = [],
  ): Promise<string | null> {
    const conn = await Deno.startTls(this.wire.conn as Deno.TcpConn, {
      hostname: "127.0.0.1",
      caCerts: [ca],
      alpnProtocols: [...alpn],
    });
    this.wire = new Wire(conn);
    return (await within("handshake", conn.handshake())).alpnProtocol;
  }

  /** Send a request and read the response to it. */
  async ask(
    method: string,
    target: string,
    parts: RequestParts = {},
  ): Promise<SeenResponse> {
    await this.send(request(method, target, parts));
    return await this.response(method);
  }

  /** The next final response with its body. */
  response(method = "GET"): Promise<SeenResponse> {
    return within("a response", this.#response(method));
  }

  /** The next head, interim responses included. */
  head(): Promise<ResponseStart> {
    return within("the head of a response", this.#head());
  }

  /** The data of the next chunk; null for the last one. */
  async chunk(): Promise<string | null> {
    const data = await within("a chunk", readChunk(this.wire));
    return data && new TextDecoder().decode(data);
  }

  /** What is behind the last chunk. */
  trailers(): Promise<SeenFields> {
    return within("trailers", readTrailers(this.wire));
  }

  /** Exactly so many octets as text. */
  async text(count: number): Promise<string> {
    const bytes = await within("octets", this.wire.readBytes(count));
    if (bytes === null) throw new Error("the connection ended");
    return new TextDecoder().decode(bytes);
  }

  async #head(): Promise<ResponseStart> {
    const head = await readHead(this.wire);
    if (head === null) throw new Error("the connection ended");
    const [, code, reason] =
      /^HTTP\/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)$/.exec(
        head.start,
      ) ?? [];
    if (code === undefined || reason === undefined) {
      throw new MalformedMessage(`status line ${JSON.stringify(head.start)}`);
    }
    return { status: Number(code), reason, fields: head.fields };
  }

  async #response(method: string): Promise<SeenResponse> {
    const interim: number[] = [];
    for (;;) {
      const head = await this.#head();
      if (head.status < 200 && head.status !== 101) {
        interim.push(head.status);
        continue;
      }
      const bare = method === "HEAD" || head.status === 204 ||
        head.status === 304 || head.status === 101;
      if (bare) {
        return { ...head, interim, body: "", trailers: new SeenFields([]) };
      }
      const size = bodySize(head.fields);
      const body = size === undefined
        ? { body: await this.wire.readAll(), trailers: new SeenFields([]) }
        : await readBody(this.wire, size);
      return { ...head, interim, ...body };
    }
  }
}
