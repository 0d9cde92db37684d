/**
 * Dialogues as text, played over real sockets: a protocol's frontend and backend dialogue stand in
 * the middle, the transcript plays the client on one side and the backend on the other.
 *
 *     # comment                      set KEY VALUE   before the first step
 *     C: line   the client sends it  S: line    the client receives it; … stands for anything
 *     BC: line  the backend receives BS: line   the backend sends it
 *     C= "…"    as JSON, one byte for each character, no line end added; BS= likewise
 *     C-  BS-   that side closes     S-  BC-    that side finds the connection closed
 *     ! event   what the session noted next: `failure`, `end REASON`,
 *                                  `backend-failure STAGE`, `forwarding-refused`,
 *                                  `adopt ADDRESS PORT TTL SESSION`
 */
import assert from "node:assert/strict";
import type { LineProtocol } from "../../src/protocols/protocol.ts";
import { DialogueSession, Queue } from "./dialogue_session.ts";
import { within } from "./wait.ts";
import { Wire } from "./wire.ts";

const MARKS = [
  "C:",
  "C=",
  "C-",
  "S:",
  "S-",
  "BC:",
  "BC-",
  "BS:",
  "BS=",
  "BS-",
  "!",
] as const;
type Mark = typeof MARKS[number];

interface Step {
  readonly line: number;
  readonly mark: Mark;
  readonly text: string;
}

export interface Transcript {
  readonly settings: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
}

/** Throws for a line that is none of the forms above. */
export function parseTranscript(text: string): Transcript {
  const settings = new Map<string, string>();
  const steps: Step[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const setting = /^set (\S+) (.*)$/.exec(line);
    if (setting !== null && steps.length === 0) {
      settings.set(setting[1]!, setting[2]!);
      continue;
    }
    const mark = MARKS.find((mark) =>
      line === mark || line.startsWith(`${mark} `)
    );
    if (mark === undefined) {
      throw new Error(`line ${index + 1}: no such step: ${line}`);
    }
    steps.push({ line: index + 1, mark, text: line.slice(mark.length + 1) });
  }
  return { settings, steps };
}

/** Play a transcript; rejects, naming the line, where the dialogue differs from it. */
export async function playTranscript(
  protocol: LineProtocol,
  transcript: Transcript,
): Promise<void> {
  const world = await World.open(protocol, transcript.settings);
  try {
    for (const step of transcript.steps) {
      await at(
        `line ${step.line}: ${step.mark} ${step.text}`,
        world.play(step),
      );
    }
    world.client.close();
    world.closeBackend();
    await at("end of the session", world.session);
    assert.deepEqual(
      world.events.left(),
      [],
      "events that the transcript does not name",
    );
  } finally {
    await world.close();
  }
}

/** Both far ends and the session between them. */
class World {
  readonly events = new Queue<string>();
  readonly #backends = new Queue<Wire>();
  readonly #opened: Wire[] = [];
  #backend: Wire | null = null;
  session!: Promise<void>;

  private constructor(
    readonly client: Wire,
    private readonly ears: Deno.TcpListener,
  ) {}

  static async open(
    protocol: LineProtocol,
    settings: ReadonlyMap<string, string>,
  ): Promise<World> {
    const front = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [near, far] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: front.addr.port }),
      front.accept(),
    ]);
    front.close();
    const world = new World(
      new Wire(near),
      Deno.listen({ hostname: "127.0.0.1", port: 0 }),
    );
    const session = new DialogueSession(
      protocol,
      settings,
      far,
      world.events,
      () => world.#dial(),
    );
    world.session = session.run();
    return world;
  }

  async play({ mark, text }: Step): Promise<void> {
    switch (mark) {
      case "C:":
        return await this.client.send(`${text}\r\n`);
      case "C=":
        return await this.client.send(rawBytes(text));
      case "C-":
        return this.client.close();
      case "S:":
        return expectLine(await this.client.readLine(), text);
      case "S-":
        return expectLine(await this.client.readLine(), null);
      case "BC:":
        this.#backend ??= await this.#backends.next();
        return expectLine(await this.#backend.readLine(), text);
      case "BC-":
        expectLine(await this.#backend!.readLine(), null);
        return this.closeBackend();
      case "BS:":
        this.#backend ??= await this.#backends.next();
        return await this.#backend.send(`${text}\r\n`);
      case "BS=":
        this.#backend ??= await this.#backends.next();
        return await this.#backend.send(rawBytes(text));
      case "BS-":
        this.#backend ??= await this.#backends.next();
        return this.closeBackend();
      case "!":
        return assert.equal(await this.events.next(), text);
    }
  }

  closeBackend(): void {
    this.#backend?.close();
    this.#backend = null;
  }

  async close(): Promise<void> {
    this.client.close();
    for (const wire of this.#opened) wire.close();
    this.ears.close();
    await this.session;
  }

  async #dial(): Promise<Deno.TcpConn> {
    const [near, far] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: this.ears.addr.port }),
      this.ears.accept(),
    ]);
    const wire = new Wire(far);
    this.#opened.push(wire);
    this.#backends.put(wire);
    return near;
  }
}

function expectLine(actual: string | null, pattern: string | null): void {
  if (pattern?.includes("…") && actual !== null) {
    const parts = pattern.split("…").map((part) =>
      part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")
    );
    assert.match(actual, new RegExp(`^${parts.join(".*")}$`));
  } else {
    assert.equal(actual, pattern);
  }
}

/** JSON string to bytes, one for each character. */
function rawBytes(json: string): Uint8Array {
  return Uint8Array.from(
    JSON.parse(json) as string,
    (char) => char.charCodeAt(0),
  );
}

/** `promise`, whose failure says where in the transcript it was. */
async function at(where: string, promise: Promise<void>): Promise<void> {
  try {
    await within("its step", promise);
  } catch (error) {
    throw new Error(`${where}\n${(error as Error).message}`, { cause: error });
  }
}
