import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import type { LegReport, LegState } from "../port/messages.ts";
import { type BreakerLeg, Breakers, type BreakerSettings } from "./breakers.ts";

const SETTINGS: BreakerSettings = {
  hostDownThreshold: 5,
  hostDownMinClients: 2,
  hostDownCooldown: 30_000,
  backendTimeout: 10_000,
};
const IMAP: BreakerLeg = {
  destination: "old",
  protocol: "imap",
  host: "192.0.2.1",
  port: 993,
};
const POP3: BreakerLeg = { ...IMAP, protocol: "pop3", port: 995 };

function setup(settings: Partial<BreakerSettings> = {}) {
  const clock = new FakeClock();
  const told: LegState[] = [];
  const all = { ...SETTINGS, ...settings };
  const breakers = new Breakers(all, clock, (states) => told.push(...states));
  breakers.configure(all, ["old", "new"], [IMAP, POP3]);
  const report = (
    outcome: LegReport["outcome"],
    client = "198.51.100.1",
    times = 1,
  ) => {
    for (let i = 0; i < times; i++) {
      breakers.report({
        destination: "old",
        protocol: "imap",
        outcome,
        client,
      });
    }
  };
  const state = () => breakers.stateOf("old", "imap");
  return { clock, told, breakers, report, state };
}

Deno.test("Breakers count failures to connect of one client alone", () => {
  const { report, state, breakers } = setup();
  report("connect", "198.51.100.1", 4);
  assert.equal(state(), "closed");
  report("connect");
  assert.equal(state(), "down");
  assert.equal(breakers.stateOf("old", "pop3"), "closed");
  assert.equal(breakers.grantProbe("old", "imap"), false);
});

Deno.test("Breakers trip on later failures only once they span clients", () => {
  const { report, state } = setup();
  report("late", "2001:db8::1", 50);
  report("late", "2001:db8::ffff");
  assert.equal(state(), "closed", "one /64 is one client");
  report("connect", "2001:db8::1", 4);
  assert.equal(state(), "closed");
  report("late", "2001:db8:0:1::1");
  assert.equal(state(), "down");
});

Deno.test("Breakers start the streak again at any success", () => {
  const { report, state, breakers } = setup();
  report("connect", "198.51.100.1", 4);
  report("success");
  report("connect", "198.51.100.1", 4);
  assert.equal(state(), "closed");
  assert.deepEqual(breakers.status()[0]?.legs[0], {
    protocol: "imap",
    consecutive_failures: 4,
    failure_sources: 1,
    host_level_failure: true,
    down: false,
  });
});

Deno.test("Breakers let one connection probe after the cooldown", () => {
  const { clock, report, state, breakers, told } = setup();
  report("connect", "198.51.100.1", 5);
  clock.advance(29_999);
  report("connect");
  assert.equal(state(), "down");
  clock.advance(1);
  assert.equal(state(), "ask", "a straggler's report does not prolong it");
  assert.equal(breakers.grantProbe("old", "imap"), true);
  assert.equal(breakers.grantProbe("old", "imap"), false);
  report("late", "203.0.113.9");
  assert.equal(state(), "down", "a probe fails alone");
  clock.advance(30_000);
  assert.equal(breakers.grantProbe("old", "imap"), true);
  report("success");
  assert.equal(state(), "closed");
  assert.equal(breakers.grantProbe("old", "imap"), true);
  assert.deepEqual(told.map((s) => `${s.state} ${s.suspect}`), [
    "closed true",
    "down true",
    "ask true",
    "down true",
    "ask true",
    "closed false",
  ]);
  assert.equal(clock.armed, 0);
});

Deno.test("Breakers grant the probe anew when nobody reports how it ended", () => {
  const { clock, report, breakers } = setup();
  report("connect", "198.51.100.1", 5);
  clock.advance(30_000);
  assert.equal(breakers.grantProbe("old", "imap"), true);
  clock.advance(11_999);
  assert.equal(breakers.grantProbe("old", "imap"), false);
  clock.advance(1);
  assert.equal(breakers.grantProbe("old", "imap"), true);
});

Deno.test("Breakers with a threshold of 0 never trip", () => {
  const { report, state } = setup({ hostDownThreshold: 0 });
  report("connect", "198.51.100.1", 100);
  assert.equal(state(), "closed");
});

Deno.test("Breakers.configure with a threshold of 0 brings back what is down", () => {
  const { report, state, breakers } = setup();
  report("connect", "198.51.100.1", 5);
  breakers.configure({ ...SETTINGS, hostDownThreshold: 0 }, ["old"], [IMAP]);
  assert.equal(state(), "closed");
});

Deno.test("Breakers.status shows the worst leg of each destination", () => {
  const { report, breakers } = setup();
  breakers.report({ ...POP3, outcome: "late", client: "198.51.100.1" });
  report("connect", "198.51.100.1", 5);
  const [old, fresh] = breakers.status();
  assert.deepEqual(
    { ...old, legs: old?.legs.map((l) => l.protocol) },
    {
      destination: "old",
      consecutive_failures: 5,
      failure_sources: 1,
      host_level_failure: true,
      down: true,
      legs: ["imap", "pop3"],
    },
  );
  assert.deepEqual(fresh, {
    destination: "new",
    consecutive_failures: 0,
    failure_sources: 0,
    host_level_failure: false,
    down: false,
    legs: [],
  });
  assert.equal(breakers.states().length, 2);
});

Deno.test("Breakers.reset brings a destination back and knows no others", () => {
  const { clock, report, state, breakers } = setup();
  report("connect", "198.51.100.1", 5);
  assert.equal(breakers.reset("old"), true);
  assert.equal(state(), "closed");
  assert.deepEqual(breakers.states(), []);
  assert.equal(breakers.reset("other"), false);
  assert.equal(clock.armed, 0);
});

Deno.test("Breakers.configure keeps what stays and forgets what moved or went", () => {
  const { clock, report, state, breakers, told } = setup();
  report("connect", "198.51.100.1", 5);
  breakers.configure(SETTINGS, ["old"], [IMAP]);
  assert.equal(state(), "down");
  breakers.configure(SETTINGS, ["old"], [{ ...IMAP, port: 1993 }]);
  assert.equal(state(), "closed");
  assert.equal(told.at(-1)?.state, "closed");
  report("connect", "198.51.100.1", 5);
  breakers.configure(SETTINGS, [], []);
  assert.equal(clock.armed, 0);
  report("connect");
  assert.deepEqual(breakers.states(), []);
});

Deno.test("Breakers remember a bounded number of clients", () => {
  const { report, breakers } = setup({ hostDownThreshold: 0 });
  for (let i = 0; i < 2000; i++) report("late", `10.0.${i >> 8}.${i & 255}`);
  assert.equal(breakers.status()[0]?.failure_sources, 256);
});

Deno.test("Breakers behave as a simple model under random reports", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const { clock, breakers, report, state } = setup();
    let streak: { connect: boolean; client: string }[] = [];
    let downUntil = -1;
    let probeUntil = -1;
    for (let step = 0; step < 2000; step++) {
      const now = clock.now();
      const down = downUntil >= 0;
      const expected = !down ? "closed" : now < downUntil ? "down" : "ask";
      assert.equal(state(), expected, `seed ${seed} step ${step}`);
      const what = random.below(10);
      if (what === 0) {
        clock.advance(random.below(20_000));
      } else if (what === 1) {
        const granted = breakers.grantProbe("old", "imap");
        const free = expected === "ask" && now >= probeUntil;
        assert.equal(granted, expected === "closed" || free);
        if (free) probeUntil = now + 12_000;
      } else if (what === 2 && random.below(3) === 0) {
        report("success");
        streak = [];
        downUntil = probeUntil = -1;
      } else {
        const connect = random.below(3) === 0;
        const client = `198.51.100.${random.below(3)}`;
        report(connect ? "connect" : "late", client);
        streak.push({ connect, client });
        const trips = streak.filter((f) => f.connect).length >= 5 ||
          (streak.length >= 5 &&
            new Set(streak.map((f) => f.client)).size >= 2);
        if (
          (expected === "closed" && trips) ||
          (expected === "ask" && probeUntil >= 0)
        ) {
          downUntil = now + 30_000;
          probeUntil = -1;
        }
      }
    }
    breakers.close();
  }
});

Deno.test("Breakers let workers forget a leg that is no longer configured", () => {
  const { breakers, report, told, state } = setup();
  report("connect", "198.51.100.1", 5);
  assert.equal(told.at(-1)?.state, "down");
  breakers.configure(SETTINGS, ["new"], []);
  assert.deepEqual(told.findLast((leg) => leg.protocol === "imap"), {
    destination: "old",
    protocol: "imap",
    state: "closed",
    suspect: false,
  });
  breakers.configure(SETTINGS, ["old", "new"], [IMAP]);
  assert.equal(state(), "closed");
});

Deno.test("Breakers go on where those of another process were", () => {
  const before = setup();
  before.report("connect", "198.51.100.1", 5);
  before.clock.advance(10_000);
  const after = setup();
  after.breakers.restore(before.breakers.save());
  assert.equal(after.state(), "down");
  after.clock.advance(SETTINGS.hostDownCooldown - 10_001);
  assert.equal(after.state(), "down");
  after.clock.advance(1);
  assert.equal(after.state(), "ask");

  const suspect = setup();
  suspect.report("late", "198.51.100.1", 4);
  const next = setup();
  next.breakers.restore(suspect.breakers.save());
  next.report("late", "198.51.100.2");
  assert.equal(next.state(), "down");
});

Deno.test("Breakers.restore leaves out legs that have another address here", () => {
  const before = setup();
  before.report("connect", "198.51.100.1", 5);
  const saved = before.breakers.save();
  const after = setup();
  after.breakers.restore(saved.map((leg) => ({ ...leg, port: 1993 })));
  assert.equal(after.state(), "closed");
  const off = setup({ hostDownThreshold: 0 });
  off.breakers.restore(saved);
  assert.equal(off.state(), "closed");
});
