/** Word to the service manager, sd_notify(3), and its watchdog; silent where there is none. */

/** Sends one datagram; tests give their own. */
export type NotifySend = (path: string, message: string) => Promise<void>;

/** The state that systemd is told with READY, RELOADING and STOPPING. */
export type ServiceState = "READY" | "RELOADING" | "STOPPING";

export class ServiceManager {
  #path: string | null;
  #watchdog: ReturnType<typeof setInterval> | undefined;
  /** Messages leave in their order, also where sending one takes a while. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    private readonly env: (name: string) => string | undefined,
    /** Told why no word reaches the service manager. */
    private readonly failed: (reason: string) => void,
    private readonly send: NotifySend = sendDatagram,
  ) {
    this.#path = env("NOTIFY_SOCKET") || null;
    if (this.#path?.startsWith("@")) {
      // The runtime passes paths only, and no zero byte in one.
      this.failed(
        "NOTIFY_SOCKET names an abstract socket, which this runtime cannot reach",
      );
      this.#path = null;
    }
  }

  /** False where nothing is sent. */
  get present(): boolean {
    return this.#path !== null;
  }

  /** Tell a state, with a line for `systemctl status`. */
  tell(state: ServiceState, status: string): void {
    this.#notify(`${state}=1\nSTATUS=${oneLine(status)}`);
  }

  /** Another process is the service from now on: nothing is told any more. */
  silence(): void {
    clearInterval(this.#watchdog);
    this.#path = null;
  }

  /**
   * This process is the service from now on, whichever was before: needs NotifyAccess=all. It is a sign of
   * life, too: the last one of the other process may be half an interval old.
   */
  becomeMain(): void {
    this.#notify(`MAINPID=${Deno.pid}\nWATCHDOG=1`);
  }

  /** The line for `systemctl status` alone. */
  status(text: string): void {
    this.#notify(`STATUS=${oneLine(text)}`);
  }

  /**
   * Keep the watchdog content, twice in its interval, for as long as `alive` says so: a process that
   * is not is ended and started again by systemd.
   */
  startWatchdog(alive: () => boolean): void {
    const interval = this.watchdogInterval;
    if (interval === null) return;
    this.#watchdog ??= setInterval(() => {
      if (alive()) this.#notify("WATCHDOG=1");
    }, interval);
  }

  /** Milliseconds between two signs of life; null where no watchdog was asked for (sd_watchdog_enabled(3)). */
  get watchdogInterval(): number | null {
    if (!this.present) return null;
    const micros = Number(this.env("WATCHDOG_USEC"));
    const pid = this.env("WATCHDOG_PID");
    if (!(micros > 0) || (pid && pid !== String(Deno.pid))) return null;
    return Math.max(1, Math.floor(micros / 2000));
  }

  /** Stops the watchdog and waits until everything told has left. */
  async close(): Promise<void> {
    clearInterval(this.#watchdog);
    await this.#last;
  }

  #notify(message: string): void {
    const path = this.#path;
    if (path === null) return;
    this.#last = this.#last.then(() => this.send(path, message))
      .catch((error) => {
        this.failed(error instanceof Error ? error.message : String(error));
      });
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}

/** The runtime sends datagrams only from a socket with a path of its own. */
async function sendDatagram(path: string, message: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "mailferry-notify-" });
  try {
    const socket = Deno.listenDatagram({
      transport: "unixpacket",
      path: `${folder}/socket`,
    });
    try {
      await socket.send(new TextEncoder().encode(message), {
        transport: "unixpacket",
        path,
      });
    } finally {
      socket.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
