/** What Debian's Cyrus is built without, before it: JMAP over WebSocket (RFC 8887) and the event source (RFC 8620 section 7.3). */
import type { Authority } from "./certs.ts";
import type { Cyrus } from "./cyrus.ts";
import type { Table } from "./proxy_config.ts";

/** Tells one client of a state change. */
type Tell = (change: Record<string, unknown>) => void;

interface Session {
  readonly username: string;
  readonly capabilities: Record<string, unknown>;
}

/** Passes everything else on to Cyrus, with the client's own credentials. */
export class JmapPush implements AsyncDisposable {
  readonly #listeners = new Map<string, Set<Tell>>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #client: Deno.HttpClient;
  #state = 0;

  private constructor(
    private readonly cyrus: Cyrus,
    authority: Authority,
    certificate: { readonly certPem: string; readonly keyPem: string },
  ) {
    this.#client = Deno.createHttpClient({ caCerts: [authority.pem] });
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: certificate.certPem,
      key: certificate.keyPem,
      onListen() {},
    }, (request) => this.#serve(request));
  }

  static async start(cyrus: Cyrus, authority: Authority): Promise<JmapPush> {
    const certificate = await authority.issue(["backend.test", "127.0.0.1"], {
      file: "jmap-push",
    });
    return new JmapPush(cyrus, authority, certificate);
  }

  /** This server as a destination of the proxy's configuration. */
  destination(): Table {
    return {
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      proxy_protocol: false,
      protocol: { http: { port: this.#server.addr.port, tls: "implicit" } },
    };
  }

  /** How many event sources and WebSockets of an account wait for changes. */
  listeners(account: string): number {
    return this.#listeners.get(account)?.size ?? 0;
  }

  /** Deliver a message, and tell the account's clients. */
  async deliver(account: string, subject: string): Promise<void> {
    await this.cyrus.deliver(account, subject);
    const changed = { [account]: { Email: String(++this.#state) } };
    for (const tell of this.#listeners.get(account) ?? []) {
      tell({ "@type": "StateChange", changed });
    }
  }

  async #serve(request: Request): Promise<Response> {
    const { pathname, host } = new URL(request.url);
    if (pathname === "/jmap/ws/" || pathname === "/jmap/eventsource/") {
      const session = await this.#session(request);
      if (session instanceof Response) return session;
      return pathname === "/jmap/ws/"
        ? this.#websocket(request, session.username)
        : this.#eventSource(session.username);
    }
    if (pathname !== "/.well-known/jmap") {
      return await this.#pass(request, request.body);
    }
    const session = await this.#session(request);
    if (session instanceof Response) return session;
    session.capabilities["urn:ietf:params:jmap:websocket"] = {
      url: `wss://${host}/jmap/ws/`,
      supportsPush: true,
    };
    return Response.json(session);
  }

  /** The session resource for these credentials, or the refusal. */
  async #session(
    request: Request,
  ): Promise<Session | Response> {
    const response = await this.#pass(
      new Request(new URL("/jmap/", request.url), {
        headers: request.headers,
      }),
      null,
    );
    return response.ok ? await response.json() : response;
  }

  #pass(request: Request, body: BodyInit | null): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers();
    for (const name of ["authorization", "content-type", "accept"]) {
      const value = request.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    return fetch(this.cyrus.url + pathname + search, {
      method: request.method,
      headers,
      body,
      redirect: "manual",
      client: this.#client,
    });
  }

  #websocket(request: Request, account: string): Response {
    const { socket, response } = Deno.upgradeWebSocket(request, {
      protocol: "jmap",
    });
    const tell: Tell = (change) => socket.send(JSON.stringify(change));
    socket.onmessage = async ({ data }) => {
      const { "@type": type, id, ...rest } = JSON.parse(data);
      if (type === "WebSocketPushEnable") return this.#listen(account, tell);
      const answer = await this.#pass(
        new Request(new URL("/jmap/", request.url), {
          method: "POST",
          headers: {
            authorization: request.headers.get("authorization")!,
            "content-type": "application/json",
          },
        }),
        JSON.stringify(rest),
      );
      socket.send(JSON.stringify({
        "@type": "Response",
        requestId: id,
        ...await answer.json(),
      }));
    };
    socket.onclose = () => this.#forget(account, tell);
    return response;
  }

  #eventSource(account: string): Response {
    const encoder = new TextEncoder();
    let tell: Tell = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        tell = (change) =>
          controller.enqueue(
            encoder.encode(`event: state\ndata: ${JSON.stringify(change)}\n\n`),
          );
        this.#listen(account, tell);
      },
      cancel: () => this.#forget(account, tell),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream" },
    });
  }

  #listen(account: string, tell: Tell): void {
    const all = this.#listeners.get(account) ?? new Set();
    this.#listeners.set(account, all.add(tell));
  }

  #forget(account: string, tell: Tell): void {
    this.#listeners.get(account)?.delete(tell);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    this.#client.close();
  }
}
