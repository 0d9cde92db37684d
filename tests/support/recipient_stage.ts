/** A proxy that routes mail by recipient, two scripted mail servers behind it, and a client. */
import assert from "node:assert/strict";
import { FakeLineBackend, type LineTalk } from "./fake_line_backend.ts";
import { LineClient } from "./line_client.ts";
import { Mailferry } from "./mailferry.ts";
import { Ground, merge, type Table } from "./proxy_config.ts";

export type Protocol = "smtp" | "lmtp";

/** Where a backend is waited for in vain; others have to answer within this, too. */
export const STALLING: Table = { server: { backend_timeout: "2s" } };

/** What a connection has of the message that is under way. */
interface Open {
  readonly recipients: string[];
  /** Lines of DATA. */
  data: string[] | null;
  /** Octets of BDAT. */
  chunks: string;
}

/**
 * A mail server whose answers a test may change; "hang" says nothing more, "close" closes, and in the
 * middle of a message "stop" reads nothing more.
 */
export class Backend implements AsyncDisposable {
  /** Messages that were ended properly, as they came. */
  readonly messages: string[] = [];
  change: (line: string) => string | undefined = () => undefined;
  keywords = ["SIZE 1000000", "8BITMIME", "ENHANCEDSTATUSCODES"];
  readonly #server: FakeLineBackend;
  readonly #over = Promise.withResolvers<void>();
  readonly #open = new WeakMap<LineTalk, Open>();

  constructor(
    ground: Ground,
    readonly protocol: Protocol,
    { implicit = false } = {},
  ) {
    this.#server = new FakeLineBackend({
      greeting: "220 backend.test ready",
      implicit,
      certificate: ground.certificate,
      answer: (line, talk) => this.#answer(line, talk),
    });
  }

  get port(): number {
    return this.#server.port;
  }

  get commands(): readonly string[][] {
    return this.#server.connections;
  }

  /** How many connections are open at this moment. */
  get open(): number {
    return this.#server.open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.resolve();
    await this.#server[Symbol.asyncDispose]();
  }

  async #answer(line: string, talk: LineTalk): Promise<void> {
    const state = this.#open.get(talk) ??
      { recipients: [], data: null, chunks: "" };
    this.#open.set(talk, state);
    const inData = state.data !== null;
    if (inData && line !== ".") {
      state.data!.push(line);
      const how = this.change(`data ${line}`);
      if (how === "close") talk.close();
      if (how === "stop") await this.#over.promise;
      return;
    }
    const changed = this.change(line);
    if (changed === "hang") return await talk.hang();
    if (changed === "close") return talk.close();
    if (inData) {
      const message = state.data!.join("\r\n");
      state.data = null;
      return await this.#keep(message, state, talk);
    }
    const [, size, last] = /^BDAT ([0-9]+)( LAST)?$/.exec(line) ?? [];
    if (size !== undefined) {
      const octets = await talk.bytes(Number(size));
      if (octets === null) return;
      state.chunks += decoder.decode(octets);
      if (last && changed === undefined) {
        return await this.#keep(state.chunks, state, talk);
      }
    }
    if (changed !== undefined) return await talk.say(changed);
    switch (line.split(" ")[0]!) {
      case "EHLO":
      case "LHLO":
        return await talk.say(
          "250-backend.test",
          ...this.keywords.map((word, i) =>
            `250${i < this.keywords.length - 1 ? "-" : " "}${word}`
          ),
        );
      case "RCPT":
        state.recipients.push(/<(.*)>/.exec(line)![1]!);
        return await talk.say("250 2.1.5 OK");
      case "DATA":
        state.data = [];
        return await talk.say("354 go on");
      case "STARTTLS":
        await talk.say("220 2.0.0 go ahead");
        return await talk.startTls();
      case "QUIT":
        await talk.say("221 2.0.0 bye");
        return talk.close();
      default:
        return await talk.say("250 2.0.0 OK");
    }
  }

  async #keep(message: string, open: Open, talk: LineTalk): Promise<void> {
    this.messages.push(message);
    const answers = this.protocol === "lmtp" ? open.recipients : ["message"];
    for (const name of answers) {
      await talk.say(this.change(`answer ${name}`) ?? `250 2.0.0 kept ${name}`);
    }
  }
}

const decoder = new TextDecoder();

/** Everything of one test: two backends of a protocol, and the proxy in front of them. */
export class Stage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly old: Backend,
    readonly new_: Backend,
    readonly proxy: Mailferry,
  ) {}

  static async create(
    protocol: Protocol,
    over: Table = {},
    ports: { new?: number } = {},
  ): Promise<Stage> {
    const ground = await Ground.create();
    const old = new Backend(ground, protocol);
    const new_ = new Backend(ground, protocol);
    const destination = (port: number) => ({
      host: "127.0.0.1",
      proxy_protocol: false,
      protocol: { [protocol]: { port, tls: "plain" } },
    });
    const proxy = await Mailferry.start({
      ground,
      mappings: {
        "new@example.com": "new",
        "new2@example.com": "new",
        "own+detail@example.com": "new",
      },
      config: merge({
        server: { backend_connect_retries: 0 },
        listener: {
          imap: undefined,
          imaps: undefined,
          mail: {
            protocol,
            tls: "plain",
            route: "recipient",
            bind: ["127.0.0.1:0"],
          },
        },
        destination: {
          old: destination(old.port),
          new: destination(ports.new ?? new_.port),
        },
      }, over),
    });
    return new Stage(ground, old, new_, proxy);
  }

  async client(): Promise<Sender> {
    const client = await Sender.plain(this.proxy.listener("mail"));
    assert.match(client.greeting, /^220 proxy\.test /);
    await client.hello(this.old.protocol);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.old[Symbol.asyncDispose]();
    await this.new_[Symbol.asyncDispose]();
    await this.ground[Symbol.asyncDispose]();
  }
}

export class Sender extends LineClient {
  keywords: string[] = [];

  async hello(protocol: Protocol): Promise<void> {
    await this.send(`${protocol === "lmtp" ? "LHLO" : "EHLO"} client.test\r\n`);
    this.keywords = [];
    for (;;) {
      const line = await this.line();
      this.keywords.push(line.slice(4));
      if (line.startsWith("250 ")) return;
    }
  }

  async say(line: string): Promise<string> {
    await this.send(`${line}\r\n`);
    return await this.line();
  }

  /** MAIL and RCPTs; the answers to these. */
  async envelope(...recipients: string[]): Promise<string[]> {
    assert.match(await this.say("MAIL FROM:<a@sender.test>"), /^250 2\.1\.0 /);
    const answers = [];
    for (const to of recipients) {
      answers.push(await this.say(`RCPT TO:<${to}@example.com>`));
    }
    return answers;
  }

  /** DATA and a message; as many answers to it. */
  async message(text: string, answers: number): Promise<string[]> {
    assert.match(await this.say("DATA"), /^354 /);
    await this.send(`${text}\r\n.\r\n`);
    return await this.lines(answers);
  }

  /** BDAT with its octets, whose answers are not awaited. */
  async chunk(text: string, last = false): Promise<void> {
    const octets = new TextEncoder().encode(text);
    await this.send(`BDAT ${octets.length}${last ? " LAST" : ""}\r\n`);
    await this.send(octets);
  }

  async lines(count: number): Promise<string[]> {
    const lines = [];
    while (lines.length < count) lines.push(await this.line());
    return lines;
  }
}
