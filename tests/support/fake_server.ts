import type { Certificate } from "./certs.ts";
import { TlsEndpoint } from "./tls_endpoint.ts";
import { closeQuietly } from "./wire.ts";

interface FakeServerOptions {
  /** 0 or absent: any that is free. */
  readonly port?: number;
  /** For `endpoint`. */
  readonly certificate?: Pick<Certificate, "certPem" | "keyPem">;
}

/** A port on loopback with a session for each connection to it: what is the same in all fake backends. */
export abstract class FakeServer implements AsyncDisposable {
  /** By which a session is upgraded to TLS; null without a certificate. */
  protected readonly endpoint: TlsEndpoint | null;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();
  readonly #running = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor({ port = 0, certificate }: FakeServerOptions) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.endpoint = certificate
      ? new TlsEndpoint(certificate.certPem, certificate.keyPem)
      : null;
    this.#accepting = this.#accept();
  }

  /** Speak with a client to the end. Never rejects. */
  protected abstract serve(conn: Deno.TcpConn): Promise<void>;

  get port(): number {
    return this.#listener.addr.port;
  }

  /** How many connections are open at this moment. */
  get open(): number {
    return this.#open.size;
  }

  /** Close every connection; the listener stays. */
  closeAll(): void {
    for (const conn of this.#open) closeQuietly(conn);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    this.closeAll();
    await Promise.all(this.#running);
    await this.endpoint?.close();
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      this.#open.add(conn);
      const run = this.serve(conn);
      this.#running.add(run);
      run.finally(() => {
        this.#open.delete(conn);
        this.#running.delete(run);
      });
    }
  }
}
