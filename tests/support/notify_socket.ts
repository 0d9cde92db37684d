/** What a service manager is told, sd_notify(3). */
export class NotifySocket implements AsyncDisposable {
  readonly messages: string[] = [];
  readonly #socket: Deno.DatagramConn;
  readonly #reading: Promise<void>;

  private constructor(readonly path: string, private readonly folder: string) {
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
    this.#reading = this.#read();
  }

  static async open(): Promise<NotifySocket> {
    const folder = await Deno.makeTempDir({ prefix: "mailferry-notify-test-" });
    return new NotifySocket(`${folder}/s`, folder);
  }

  /** Told so far, each assignment by itself; watchdog and status left out. */
  get states(): string[] {
    return this.messages.flatMap((message) => message.split("\n"))
      .filter((line) => !/^(STATUS|WATCHDOG)=/.test(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#reading;
    await Deno.remove(this.folder, { recursive: true });
  }

  async #read(): Promise<void> {
    const text = new TextDecoder();
    for await (const [bytes] of this.#socket) {
      this.messages.push(text.decode(bytes));
    }
  }
}
