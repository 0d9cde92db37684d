import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import { clientUnit } from "./client_unit.ts";
import { Limits, type LimitSettings } from "./limits.ts";

const OFF: LimitSettings = {
  connectionsPerAddress: {},
  connectionsPerAccount: {},
  failuresPerAddress: 0,
  failuresPerAccount: 0,
  failureWindow: 60_000,
  failureDelay: 1000,
  failureDelayMax: 15_000,
  refusalTime: 120_000,
};

function make(settings: Partial<LimitSettings>) {
  const clock = new FakeClock();
  return { clock, limits: new Limits({ ...OFF, ...settings }, clock) };
}

const CLIENT = "192.0.2.1";
const ACCOUNT = "alice@example.com";
const who = (
  session: string,
  client = CLIENT,
  protocol: ProtocolName = "imap",
) => ({ session, client, protocol });
const login = (
  session: string,
  account = ACCOUNT,
  client = CLIENT,
  protocol: ProtocolName = "imap",
) => ({ ...who(session, client, protocol), account });

Deno.test("Limits.takeConnection counts an address for each protocol, IPv6 by /64", () => {
  const { limits } = make({ connectionsPerAddress: { imap: 2, pop3: 1 } });
  const take = (session: string, client: string, protocol?: ProtocolName) =>
    limits.takeConnection(0, who(session, client, protocol));
  assert.equal(take("a", "2001:db8::1"), null);
  assert.equal(take("b", "2001:db8::2"), null);
  assert.equal(take("c", "2001:db8::3"), "address-connections");
  assert.equal(take("d", "2001:db8::3", "pop3"), null);
  assert.equal(take("e", "2001:db8:0:1::1"), null);
  limits.leave("c");
  assert.equal(take("f", "2001:db8::4"), "address-connections");
  limits.leave("a");
  assert.equal(take("g", "2001:db8::4"), null);
});

Deno.test("Limits.takeLogin counts an account until its login or its session is over", () => {
  const { limits } = make({ connectionsPerAccount: { imap: 1 } });
  assert.equal(limits.takeLogin(0, login("a")), null);
  assert.equal(limits.takeLogin(0, login("a")), null, "the same session");
  assert.equal(limits.takeLogin(0, login("b")), "account-connections");
  assert.equal(limits.takeLogin(0, login("b", "bob")), null);
  limits.leaveLogin("a");
  assert.equal(limits.takeLogin(1, login("c")), null);
  limits.leave("c");
  assert.equal(limits.takeLogin(0, login("d")), null);
  limits.workerLost(1);
  assert.equal(limits.takeLogin(0, login("e")), "account-connections");
  limits.workerLost(0);
  assert.deepEqual(limits.entries(), []);
});

Deno.test("Limits.failed delays longer each time, up to the maximum", () => {
  const { limits, clock } = make({
    failuresPerAddress: 100,
    failureDelayMax: 5000,
  });
  const fail = () => limits.failed({ client: CLIENT, account: ACCOUNT });
  assert.deepEqual([fail(), fail(), fail(), fail(), fail()], [
    1000,
    2000,
    4000,
    5000,
    5000,
  ]);
  clock.advance(60_001);
  assert.equal(fail(), 1000);
});

Deno.test("Limits.failed counts nothing that has no limit", () => {
  const { limits } = make({});
  assert.equal(limits.failed({ client: CLIENT, account: ACCOUNT }), 0);
  assert.deepEqual(limits.entries(), []);
});

Deno.test("Limits refuses an address that failed too often for its time, then lets it begin anew", () => {
  const { limits, clock } = make({ failuresPerAddress: 3 });
  const fail = (account: string) => limits.failed({ client: CLIENT, account });
  fail("a");
  fail("b");
  assert.equal(limits.takeLogin(0, login("s")), null);
  fail("c");
  assert.equal(limits.takeLogin(0, login("s")), "address-failures");
  assert.equal(limits.takeLogin(0, login("t", ACCOUNT, "192.0.2.2")), null);
  assert.equal(limits.refused, 1);
  clock.advance(119_999);
  assert.equal(limits.takeLogin(0, login("s")), "address-failures");
  clock.advance(1);
  assert.equal(limits.takeLogin(0, login("s")), null);
  assert.equal(limits.refused, 0);
  fail("d");
  assert.equal(limits.takeLogin(0, login("s")), null);
});

Deno.test("Limits refuses an account from wherever, and forgives when told", () => {
  const { limits } = make({ failuresPerAccount: 2 });
  limits.failed({ client: "192.0.2.1", account: ACCOUNT });
  limits.failed({ client: "192.0.2.2", account: ACCOUNT });
  const again = login("s", ACCOUNT, "192.0.2.3");
  assert.equal(limits.takeLogin(0, again), "account-failures");
  assert.equal(limits.entry("account", ACCOUNT)?.refusedFor, 120_000);
  assert.equal(limits.forgive("account", "bob"), false);
  assert.equal(limits.forgive("account", ACCOUNT), true);
  assert.equal(limits.takeLogin(0, again), null);
});

Deno.test("Limits.entries shows who is refused first, and networks as such", () => {
  const { limits } = make({
    connectionsPerAddress: { imap: 9 },
    failuresPerAddress: 2,
  });
  limits.takeConnection(0, who("a", "192.0.2.9"));
  limits.takeConnection(0, who("b", "192.0.2.9"));
  for (const client of ["2001:db8::1", "2001:db8::2", "192.0.2.1"]) {
    limits.failed({ client, account: ACCOUNT });
  }
  assert.deepEqual(limits.entries(), [
    {
      kind: "address",
      name: "2001:db8::/64",
      failures: 2,
      refusedFor: 120_000,
      connections: {},
    },
    {
      kind: "address",
      name: "192.0.2.1",
      failures: 1,
      refusedFor: 0,
      connections: {},
    },
    {
      kind: "address",
      name: "192.0.2.9",
      failures: 0,
      refusedFor: 0,
      connections: { imap: 2 },
    },
  ]);
  assert.equal(limits.entry("address", "2001:db8::77")?.failures, 2);
});

Deno.test("Limits.configure holds for what comes and puts nobody out", () => {
  const { limits } = make({ connectionsPerAddress: { imap: 2 } });
  limits.takeConnection(0, who("a"));
  limits.takeConnection(0, who("b"));
  limits.configure({ ...OFF, connectionsPerAddress: { imap: 1 } });
  limits.leave("a");
  assert.equal(limits.takeConnection(0, who("c")), "address-connections");
  limits.leave("b");
  assert.equal(limits.takeConnection(0, who("c")), null);
});

Deno.test("Limits agrees with a list of everybody who is in, whatever happens", () => {
  const random = new SeededRandom(20261122);
  const pick = <T>(from: readonly T[]): T => random.pick(from);
  const most = { imap: 3, pop3: 2 } as const;
  const { limits } = make({
    connectionsPerAddress: most,
    connectionsPerAccount: most,
  });
  interface Known {
    id: string;
    worker: number;
    unit: string;
    protocol: "imap" | "pop3";
    account: string | null;
  }
  let open: Known[] = [];
  const clients = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
  for (let step = 0; step < 20_000; step++) {
    const act = random.next();
    const one = open.length > 0 ? pick(open) : null;
    if (act < 0.4 || one === null) {
      const client = pick(clients);
      const protocol = pick(["imap", "pop3"] as const);
      const [id, worker] = [`s${step}`, pick([0, 1, 2])];
      const unit = clientUnit(client);
      const used = open.filter((s) =>
        s.unit === unit && s.protocol === protocol
      ).length;
      const cause = limits.takeConnection(worker, who(id, client, protocol));
      assert.equal(cause === null, used < most[protocol]);
      if (cause === null) {
        open.push({ id, worker, unit, protocol, account: null });
      } else limits.leave(id);
    } else if (act < 0.65) {
      const account = pick(["a", "b", "c"]);
      one.account = null;
      const used = open.filter((s) =>
        s.account === account && s.protocol === one.protocol
      ).length;
      const client = one.unit.replace("20010db800000000/64", "2001:db8::5");
      const cause = limits.takeLogin(
        one.worker,
        login(one.id, account, client, one.protocol),
      );
      assert.equal(cause === null, used < most[one.protocol]);
      if (cause === null) one.account = account;
    } else if (act < 0.75) {
      limits.leaveLogin(one.id);
      one.account = null;
    } else if (act < 0.995) {
      limits.leave(one.id);
      open = open.filter((s) => s !== one);
    } else {
      limits.workerLost(one.worker);
      open = open.filter((s) => s.worker !== one.worker);
    }
  }
  for (const { id } of open) limits.leave(id);
  assert.deepEqual(limits.entries(), []);
});
