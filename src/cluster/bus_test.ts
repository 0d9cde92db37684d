import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { BEAT_MS, Bus, type BusHost, DEAF_MS } from "./bus.ts";
import { ANSWER_MS } from "./inquiry.ts";
import { encode } from "./message.ts";
import { FORGOTTEN_MS, SILENT_MS } from "./members.ts";
import type { Request } from "./owed.ts";
import { BusFault, type BusTransport, type LineEvents } from "./transport.ts";

/** A server in memory: what is published is heard by all, one after the other. */
class Hub {
  readonly lines = new Set<{ channels: readonly string[] } & LineEvents>();
  /** Why nobody can connect. */
  refusal: string | null = null;
  /** Messages are taken and not delivered. */
  hangs = false;
  /** Does not get what is published. */
  cutOff: LineEvents | null = null;
  /** Hears itself alone, and nobody else hears it, as where the servers of a bus are divided. */
  divided: LineEvents | null = null;

  transport(taken: (events: LineEvents) => void = () => {}): BusTransport {
    return {
      connect: (channels, events) => {
        if (this.refusal) return Promise.reject(new BusFault(this.refusal));
        const line = { channels, ...events };
        this.lines.add(line);
        taken(line);
        return Promise.resolve({
          publish: (channel, text) => {
            if (!this.lines.has(line)) return Promise.reject(new BusFault("x"));
            if (this.hangs) return new Promise(() => {});
            for (const each of this.lines) {
              const isHeard = each !== this.cutOff &&
                (each === this.divided) === (line === this.divided);
              if (isHeard && each.channels.includes(channel)) {
                each.message(text);
              }
            }
            return Promise.resolve();
          },
          close: () => void this.lines.delete(line),
        });
      },
    };
  }

  /** Every connection breaks. */
  crash(reason = "the connection broke"): void {
    const lines = [...this.lines];
    this.lines.clear();
    for (const line of lines) line.lost(reason);
  }
}

class Proxy {
  readonly handled: Request[] = [];
  readonly told: string[] = [];
  readonly bus: Bus;
  /** How it answers. */
  answer: (request: Request) => Promise<unknown> = () => Promise.resolve(1);
  briefing: Request[] = [];
  joins = 0;
  line: LineEvents | null = null;

  constructor(hub: Hub, node: string, readonly clock: FakeClock) {
    const told = (word: string) => (...more: unknown[]) =>
      void this.told.push([word, ...more].join(" "));
    const host: BusHost = {
      version: "1.2.3",
      sessions: () => 7,
      handle: (request) => {
        this.handled.push(request);
        return this.answer(request);
      },
      joining: () => {
        this.joins++;
        return Promise.resolve();
      },
      briefing: () => this.briefing,
      amends: { name: "all", argument: null },
      events: {
        up: told("up"),
        down: told("down"),
        memberCame: told("came"),
        memberLeft: told("left"),
        nameTaken: told("taken"),
        unreached: told("unreached"),
        message: () => {},
        answered: () => {},
      },
    };
    this.bus = new Bus(
      hub.transport((line) => this.line = line),
      host,
      { prefix: "p", node, clock },
    );
    this.bus.start();
  }

  nodes(): string[] {
    return this.bus.members().others.map(({ node, isSilent }) =>
      isSilent ? `${node} silent` : node
    );
  }
}

/** Let everything go on that can without time passing. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    clock.advance(Math.min(left, 100));
    await settle();
  }
}

async function two() {
  const hub = new Hub();
  const clock = new FakeClock();
  const a = new Proxy(hub, "a", clock);
  const b = new Proxy(hub, "b", clock);
  await settle();
  const close = async () => {
    const closed = Promise.all([a.bus.close(), b.bus.close()]);
    await pass(clock, ANSWER_MS);
    await closed;
    assert.equal(clock.armed, 0, "timers that are left");
  };
  return { hub, clock, a, b, [Symbol.asyncDispose]: close };
}

const KICK = { name: "kick", argument: "alice" };
const HOLD = { name: "hold", argument: "alice" };

Deno.test("Bus: members know each other as soon as they come, and their answers are collected", async () => {
  await using stage = await two();
  const { a, b } = stage;
  assert.deepEqual([a.nodes(), b.nodes()], [["b"], ["a"]]);
  b.answer = () => Promise.resolve({ ended: 3 });
  const { answers, unreached } = await a.bus.ask(KICK);
  assert.deepEqual([...answers], [["b", { ended: 3 }]]);
  assert.deepEqual(unreached, []);
  assert.deepEqual(b.handled, [KICK]);
  assert.deepEqual(a.handled, [], "its own requests are not for itself");
  const [member] = a.bus.members().others;
  assert.deepEqual([member!.version, member!.sessions], ["1.2.3", 7]);
});

Deno.test("Bus: requests of one proxy are begun in their order", async () => {
  await using stage = await two();
  const { a, b } = stage;
  const gate = Promise.withResolvers<void>();
  b.answer = ({ argument }) => argument === 0 ? gate.promise : settle();
  const asked = [0, 1, 2].map((argument) => a.bus.ask({ name: "n", argument }));
  await settle();
  assert.deepEqual(b.handled.map(({ argument }) => argument), [0, 1, 2]);
  gate.resolve();
  await Promise.all(asked);
});

Deno.test("Bus: who does not answer in time is named, and so is who fails", async () => {
  await using stage = await two();
  const { a, b, clock } = stage;
  b.answer = () => new Promise(() => {});
  const asked = a.bus.ask(KICK);
  await pass(clock, ANSWER_MS);
  const late = ["b: no answer within 1000 ms"];
  assert.deepEqual((await asked).unreached, late);
  assert.deepEqual(a.told.at(-1), `unreached kick ${late}`);
  b.answer = () => Promise.reject(new Error("an internal error"));
  assert.deepEqual((await a.bus.ask(KICK)).unreached, ["b: an internal error"]);
});

Deno.test("Bus: a connection that breaks is made anew, and everything known is forgotten before it counts", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.refusal = "connection refused";
  hub.crash();
  await settle();
  assert.equal(a.bus.problem, "the connection broke");
  assert.deepEqual((await a.bus.ask(KICK, { owed: true })).unreached, [
    "all other proxies: the connection broke",
  ]);
  await pass(clock, 20_000);
  assert.equal(a.bus.problem, "connection refused");
  const downs = a.told.filter((line) => line.startsWith("down"));
  assert.deepEqual(downs, ["down the connection broke"], "said once");
  hub.refusal = null;
  await pass(clock, 5000);
  assert.equal(a.bus.problem, null);
  assert.deepEqual([a.joins, b.joins], [2, 2]);
  assert.deepEqual(b.handled, [KICK], "what was owed is made good");
  assert.deepEqual((await a.bus.ask(HOLD)).unreached, []);
});

Deno.test("Bus: waiting callers are not kept when the connection breaks", async () => {
  await using stage = await two();
  const { hub, a, b } = stage;
  b.answer = () => new Promise(() => {});
  const asked = a.bus.ask(KICK);
  await settle();
  hub.refusal = "connection refused";
  hub.crash();
  assert.deepEqual((await asked).unreached, [
    "b: the connection to the bus was lost",
  ]);
});

Deno.test("Bus: a server that takes messages and delivers none is given up", async () => {
  await using stage = await two();
  const { hub, clock, a } = stage;
  hub.hangs = true;
  hub.refusal = "no connection within 5 s";
  await pass(clock, DEAF_MS + 2 * BEAT_MS);
  assert.ok(a.told.includes("down it does not carry messages"));
  assert.equal(a.bus.problem, hub.refusal);
  hub.hangs = false;
  hub.refusal = null;
  await pass(clock, 10_000);
  assert.equal(a.bus.problem, null);
});

Deno.test("Bus: one that is cut off is not waited for, and does afterwards what it has missed", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.cutOff = b.line;
  const first = a.bus.ask(KICK, { owed: true });
  await pass(clock, ANSWER_MS);
  assert.deepEqual((await first).unreached, ["b: no answer within 1000 ms"]);
  // It notices that it hears nothing, not even itself; its new connection works.
  await pass(clock, DEAF_MS + 4 * BEAT_MS);
  assert.equal(b.joins, 2);
  assert.deepEqual(b.handled, [KICK]);
  assert.deepEqual(a.nodes(), ["b"]);
  const { answers } = await a.bus.ask(HOLD);
  assert.deepEqual([...answers.keys()], ["b"]);
});

Deno.test("Bus: one that comes back while it is waited for hears what it is waited for", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.cutOff = b.line;
  const asked = a.bus.ask(KICK, { owed: true });
  await settle();
  hub.lines.delete(b.line as never);
  b.line!.lost("the connection broke");
  await pass(clock, 300);
  assert.equal(b.joins, 2);
  assert.deepEqual((await asked).unreached, []);
  assert.deepEqual(b.handled, [KICK]);
});

Deno.test("Bus: what is owed stays so until it is answered", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.cutOff = b.line;
  const asked = a.bus.ask(KICK, { owed: true });
  await pass(clock, ANSWER_MS);
  assert.equal((await asked).unreached.length, 1);
  const again = async () => {
    hub.lines.delete(b.line as never);
    b.line!.lost("the connection broke");
    await pass(clock, 1000);
  };
  b.answer = () => new Promise(() => {});
  await again();
  b.answer = () => Promise.resolve(1);
  await again();
  await again();
  assert.deepEqual(b.handled, [KICK, KICK]);
});

Deno.test("Bus: one that was divided from the others without noticing does what it missed", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.divided = b.line;
  const asked = a.bus.ask(KICK, { owed: true });
  await pass(clock, ANSWER_MS);
  assert.equal((await asked).unreached.length, 1);
  await pass(clock, SILENT_MS + BEAT_MS);
  assert.deepEqual(a.nodes(), ["b silent"]);
  assert.equal(b.bus.problem, null, "it hears itself");
  hub.divided = null;
  await pass(clock, BEAT_MS);
  assert.deepEqual(b.handled, [KICK]);
  await pass(clock, 10 * SILENT_MS);
  assert.deepEqual(b.handled, [KICK], "once is enough");
  assert.deepEqual([a.joins, b.joins], [1, 1]);
});

Deno.test("Bus: those who were divided for so long that they do not know each other forget what they know", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.divided = b.line;
  await pass(clock, FORGOTTEN_MS + 2 * BEAT_MS);
  assert.deepEqual(a.nodes(), []);
  hub.divided = null;
  await pass(clock, BEAT_MS);
  assert.deepEqual(a.nodes(), ["b"]);
  assert.deepEqual([a.joins, b.joins], [2, 2]);
  await pass(clock, 10 * BEAT_MS);
  assert.deepEqual([a.joins, b.joins], [2, 2]);
});

Deno.test("Bus: an answer that comes late is one", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  const gate = Promise.withResolvers<void>();
  b.answer = () => gate.promise;
  const asked = a.bus.ask(KICK, { owed: true });
  await pass(clock, ANSWER_MS);
  assert.equal((await asked).unreached.length, 1);
  gate.resolve();
  await settle();
  hub.crash();
  await pass(clock, 5000);
  assert.deepEqual(b.handled, [KICK], "not asked again");
});

Deno.test("Bus: one that says nothing any more is silent, named for a while, then forgotten", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.lines.delete(b.line as never);
  hub.refusal = "connection refused";
  await pass(clock, SILENT_MS + BEAT_MS);
  assert.deepEqual(a.nodes(), ["b silent"]);
  const { unreached } = await a.bus.ask(KICK);
  assert.match(unreached[0]!, /^b: silent for \d+ s$/);
  clock.advance(FORGOTTEN_MS);
  assert.deepEqual(a.nodes(), []);
});

Deno.test("Bus: a proxy that is started again takes the place of what had its name", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.lines.delete(b.line as never);
  await pass(clock, 1000);
  const again = new Proxy(hub, "b", clock);
  await settle();
  assert.deepEqual(a.nodes(), ["b"]);
  const { answers } = await a.bus.ask(KICK);
  assert.deepEqual([...answers.keys()], ["b"]);
  assert.deepEqual(again.handled, [KICK]);
  const closed = again.bus.close();
  await pass(clock, ANSWER_MS);
  await closed;
});

Deno.test("Bus: two of one name by mistake are both asked, and say so", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  const double = new Proxy(hub, "b", clock);
  await pass(clock, 40 * BEAT_MS);
  assert.deepEqual(a.nodes(), ["b", "b"]);
  const { answers, unreached } = await a.bus.ask(KICK);
  assert.deepEqual([answers.size, unreached], [2, []]);
  for (const { told } of [b, double]) {
    assert.equal(told.filter((line) => line === "taken b").length, 1);
  }
  assert.ok(!a.told.includes("taken a"));
  const closed = double.bus.close();
  await pass(clock, ANSWER_MS);
  await closed;
});

Deno.test("Bus: one that leaves says so, and nobody waits for it", async () => {
  await using stage = await two();
  const { a, b } = stage;
  b.answer = () => new Promise(() => {});
  const asked = a.bus.ask(KICK);
  await b.bus.close();
  assert.deepEqual((await asked).unreached, []);
  assert.deepEqual(a.told.at(-1), "left b");
  assert.deepEqual(a.nodes(), []);
});

Deno.test("Bus: one that leaves says nothing behind its goodbye", async () => {
  await using stage = await two();
  const { a, b } = stage;
  const closed = b.bus.close();
  b.line!.message(encode({
    kind: "beat",
    from: "c",
    node: "c",
    version: "1.2.3",
    up: 0,
    sessions: 0,
    hello: true,
  }));
  await closed;
  assert.deepEqual(a.nodes(), []);
});

Deno.test("Bus: who comes is told what the others do", async () => {
  await using stage = await two();
  const { hub, clock, a } = stage;
  a.briefing = [HOLD];
  const c = new Proxy(hub, "c", clock);
  await settle();
  assert.deepEqual(c.handled, [HOLD]);
  const closed = c.bus.close();
  await pass(clock, ANSWER_MS);
  await closed;
});

Deno.test("Bus: more than can be kept for later is made good in one", async () => {
  await using stage = await two();
  const { hub, clock, a, b } = stage;
  hub.refusal = "connection refused";
  hub.crash();
  await settle();
  for (let argument = 0; argument < 1500; argument++) {
    await a.bus.ask({ name: "n", argument }, { owed: true });
  }
  hub.refusal = null;
  await pass(clock, 10_000);
  assert.ok(b.handled.some(({ name }) => name === "all"));
  // One may come twice, where its answer was still on the way.
  const distinct = new Set(b.handled.map((request) => JSON.stringify(request)));
  assert.ok(distinct.size <= 1001, String(distinct.size));
  assert.ok(b.handled.length <= 2 * distinct.size, String(b.handled.length));
});

Deno.test("Bus: what is no message is ignored", async () => {
  await using stage = await two();
  const { a, b } = stage;
  for (
    const text of ["", "{", "null", '{"v":2,"kind":"leave","from":"x"}', "[]"]
  ) a.line!.message(text);
  a.line!.message('{"v":1,"kind":"answer","from":"x","id":1,"result":null}');
  assert.deepEqual((await b.bus.ask(KICK)).unreached, []);
});
