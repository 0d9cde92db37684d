/** A typed request, reply and notice layer over a MessagePort-like object. */

interface MessageTarget {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

type RequestMap<T> = { [K in keyof T]: { in: unknown; out: unknown } };

type Wire =
  | { q: number; n: string; a: unknown }
  | { r: number; v: unknown }
  | { r: number; e: string }
  | { n: string; a: unknown };

/** Handlers for what the other side may ask. */
export type Handlers<T extends RequestMap<T>> = {
  [K in keyof T]: (argument: T[K]["in"]) => T[K]["out"] | Promise<T[K]["out"]>;
};

/** Handlers for what the other side may tell. */
export type NoticeHandlers<T> = { [K in keyof T]: (argument: T[K]) => void };

/** The other side refused or failed a request; the message is its own. */
export class PortError extends Error {
  override readonly name = "PortError";
}

/**
 * One end of the port. `Out`/`Tell` is what this side may ask and tell, `In`/`Hear` what it answers.
 */
export class Port<
  Out extends RequestMap<Out>,
  Tell,
  In extends RequestMap<In>,
  Hear,
> {
  #next = 1;
  #waiting = new Map<
    number,
    { resolve(v: unknown): void; reject(e: Error): void }
  >();
  #target: MessageTarget;
  #closed = false;

  constructor(
    target: MessageTarget,
    handlers: Handlers<In>,
    notices: NoticeHandlers<Hear>,
  ) {
    this.#target = target;
    target.onmessage = (event) =>
      this.#receive(event.data as Wire, handlers, notices);
  }

  /** Ask the other side. Rejects with PortError when it fails or goes away. */
  call<K extends keyof Out & string>(
    name: K,
    argument: Out[K]["in"],
  ): Promise<Out[K]["out"]> {
    if (this.#closed) {
      return Promise.reject(new PortError(`${name}: the port is closed`));
    }
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        resolve: resolve as (v: unknown) => void,
        reject,
      });
      this.#target.postMessage({ q: id, n: name, a: argument } satisfies Wire);
    });
  }

  /** Tell the other side something that needs no answer. */
  notify<K extends keyof Tell & string>(name: K, argument: Tell[K]): void {
    if (!this.#closed) {
      this.#target.postMessage({ n: name, a: argument } satisfies Wire);
    }
  }

  /** The other side is gone: every open request fails now instead of never. */
  close(reason: string): void {
    this.#closed = true;
    this.#target.onmessage = null;
    for (const { reject } of this.#waiting.values()) {
      reject(new PortError(reason));
    }
    this.#waiting.clear();
  }

  #receive(
    message: Wire,
    handlers: Handlers<In>,
    notices: NoticeHandlers<Hear>,
  ): void {
    if ("r" in message) {
      const waiter = this.#waiting.get(message.r);
      this.#waiting.delete(message.r);
      if ("e" in message) waiter?.reject(new PortError(message.e));
      else waiter?.resolve(message.v);
    } else if ("q" in message) {
      this.#answer(message.q, handlers[message.n as keyof In], message.a);
    } else {
      notices[message.n as keyof Hear](message.a as Hear[keyof Hear]);
    }
  }

  #answer<K extends keyof In>(
    id: number,
    handler: Handlers<In>[K],
    argument: unknown,
  ): void {
    const fail = (error: unknown) =>
      this.#reply({
        r: id,
        e: error instanceof Error ? error.message : String(error),
      });
    try {
      const result = handler(argument as In[K]["in"]);
      if (result instanceof Promise) {
        result.then((v) => this.#reply({ r: id, v }), fail);
      } else {
        this.#reply({ r: id, v: result });
      }
    } catch (error) {
      fail(error);
    }
  }

  #reply(message: Wire): void {
    if (!this.#closed) this.#target.postMessage(message);
  }
}
