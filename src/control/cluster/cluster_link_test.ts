import assert from "node:assert/strict";
import type { Bus } from "../../cluster/bus.ts";
import type { Echo } from "../../cluster/inquiry.ts";
import type { Request } from "../../cluster/owed.ts";
import type { SessionView } from "../api.ts";
import { ClusterLink } from "./cluster_link.ts";

const SESSION: SessionView = {
  id: "s1",
  listener: "imaps",
  protocol: "imap",
  client: "192.0.2.1:50000",
  stage: "bridge",
  identifier: "alice@example.com",
  destination: "old",
  since: "2026-11-22T08:00:00.000Z",
  bytes_in: 1,
  bytes_out: 2,
};

/** A link to others that answer so. */
function setup(echo: (request: Request) => Echo | Promise<Echo>) {
  const asked: [Request, unknown][] = [];
  const link = new ClusterLink();
  link.use("redis", {
    node: "a",
    problem: null,
    ask(request: Request, options: unknown) {
      asked.push([request, options]);
      return Promise.resolve(echo(request));
    },
    members: () => ({
      self: { version: "1.2.3", sessions: 3, up: 61_000 },
      others: [{
        id: "x",
        node: "b",
        version: "1.2.4",
        sessions: 4,
        up: 1234,
        age: 9876,
        isSilent: true,
      }],
    }),
  } as unknown as Bus);
  return { link, asked };
}

const nobody: Echo = { answers: new Map(), unreached: [] };

Deno.test("ClusterLink alone has nobody to ask", async () => {
  const link = new ClusterLink();
  const { answer, unreached } = await link.reaching(() =>
    link.ask("forget", { identifiers: null, changed: true })
  );
  assert.deepEqual([...answer], []);
  assert.deepEqual(unreached, []);
  assert.deepEqual(link.view(), {
    bus: null,
    connected: false,
    problem: null,
    members: [],
  });
});

Deno.test("ClusterLink tells each caller whom its own requests did not reach, once", async () => {
  const { link } = setup(({ argument }) => ({
    answers: new Map(),
    unreached: [`b: ${(argument as { id: string }).id}`],
  }));
  const job = (id: string) =>
    link.reaching(async () => {
      await link.ask("unpin", { id });
      await Promise.resolve();
      await link.ask("unpin", { id });
      return id;
    });
  assert.deepEqual(await Promise.all([job("one"), job("two")]), [
    { answer: "one", unreached: ["b: one"] },
    { answer: "two", unreached: ["b: two"] },
  ]);
});

Deno.test("ClusterLink has made good later what changes something lasting", async () => {
  const { link, asked } = setup(() => nobody);
  await link.ask("kick", { target: { account: "a" }, reason: "kicked" });
  await link.ask("sessions", {});
  assert.deepEqual(asked.map(([{ name }, options]) => [name, options]), [
    ["kick", { owed: true }],
    ["sessions", { owed: false }],
  ]);
});

Deno.test("ClusterLink lists the sessions of all, and who is missing", async () => {
  const { link } = setup(() => ({
    answers: new Map([
      ["b", { sessions: [{ ...SESSION, id: "s2" }], isCut: false }],
      ["c", { sessions: [], isCut: true }],
    ]),
    unreached: ["d: silent for 7 s"],
  }));
  const { sessions, incomplete } = await link.sessions({}, [SESSION]);
  assert.deepEqual(sessions.map(({ node, id }) => [node, id]), [
    ["a", "s1"],
    ["b", "s2"],
  ]);
  assert.deepEqual(incomplete, [
    "d: silent for 7 s",
    "c: has more than are listed",
  ]);
});

Deno.test("ClusterLink.view has this proxy first", () => {
  const { link } = setup(() => nobody);
  assert.deepEqual(link.view().members, [
    {
      node: "a",
      version: "1.2.3",
      is_self: true,
      reachable: true,
      uptime_seconds: 61,
      age_seconds: 0,
      sessions: 3,
    },
    {
      node: "b",
      version: "1.2.4",
      is_self: false,
      reachable: false,
      uptime_seconds: 1.2,
      age_seconds: 9.9,
      sessions: 4,
    },
  ]);
});
