/** `GET /metrics` as a scraper reads it. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import type { Mailferry } from "../support/mailferry.ts";
import { PASSWORD, TOKEN } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB, login, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

interface Family {
  type: string;
  help: string;
  /** Values by what stands before them: name and labels. */
  readonly samples: Map<string, number>;
}

// OpenMetrics 1.0 "ABNF", as far as counters, gauges and info need it.
const SAMPLE =
  /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))+\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total"],
  info: ["_info"],
  histogram: ["_bucket", "_count", "_sum"],
};

/** Reads OpenMetrics strictly: one family after the other, described first, nothing twice, an end mark. */
function parse(text: string): Map<string, Family> {
  const lines = text.split("\n");
  assert.deepEqual(lines.splice(-2), ["# EOF", ""]);
  const families = new Map<string, Family>();
  let name = "";
  for (const line of lines) {
    const [, keyword, of, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      name = of!;
      assert.ok(!families.has(name), `${name} is described twice`);
      families.set(name, { type: "", help: rest!, samples: new Map() });
      continue;
    }
    const family = families.get(name)!;
    if (keyword === "TYPE") {
      assert.equal(of, name);
      family.type = rest!;
      continue;
    }
    const [, sample, labels = "", value] = SAMPLE.exec(line) ?? [];
    const suffixes = SUFFIXES[family.type] ?? [""];
    const suffix = suffixes.find((suffix) => sample === name + suffix);
    assert.notEqual(suffix, undefined, line);
    // Those of a histogram are told apart by what stands behind its name.
    const key = suffixes.length > 1 ? suffix + labels : labels;
    assert.ok(!family.samples.has(key), `twice: ${line}`);
    family.samples.set(key, Number(value));
  }
  return families;
}

async function scrape(proxy: Mailferry, accept = "*/*") {
  const { stdout } = await new Deno.Command("curl", {
    args: [
      ...["-sSf", "--cacert", proxy.ground.authority.file],
      ...["-H", `Authorization: Bearer ${TOKEN}`, "-H", `Accept: ${accept}`],
      `${proxy.adminUrl}/metrics`,
    ],
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

const value = (families: Map<string, Family>, name: string, labels = "") => {
  const found = families.get(`mailferry_${name}`)?.samples.get(labels);
  assert.notEqual(found, undefined, `${name}${labels}`);
  return found!;
};

needs(
  ["curl"],
  "GET /metrics has what happened, by bounded labels, in valid OpenMetrics",
  async () => {
    await using stage = await Stage.create({
      config: {
        limits: { failures_per_account: 1, failure_delay: "0s" },
      },
      new: {
        refuse: ({ secret }) => secret === PASSWORD ? undefined : ["NO no"],
      },
    });
    const { proxy } = stage;
    const before = parse(await scrape(proxy));
    for (const [name, { type, help }] of before) {
      assert.match(name, /^mailferry_[a-z_]+$/);
      assert.match(type, /^(counter|gauge|info|histogram)$/, name);
      assert.match(help, /\.$/, name);
    }
    assert.equal(
      value(before, "logins", '{protocol="imap",result="accepted"}'),
      0,
    );

    using alice = await stage.loggedIn(ALICE);
    await alice.transact("NOOP");
    using bob = await stage.client();
    await bob.transact(login(BOB, "wrong"));
    await bob.transact(login(BOB));
    bob.close();
    await proxy.ended(bob);
    const during = parse(await scrape(proxy));
    const now = (name: string, labels?: string) => value(during, name, labels);
    for (
      const [result, count] of [
        ["accepted", 1],
        ["refused", 1],
        ["limited", 1],
        ["unavailable", 0],
      ] as const
    ) {
      const labels = `{protocol="imap",result="${result}"}`;
      assert.equal(now("logins", labels), count, result);
    }
    assert.equal(now("limit_refusals", '{limit="account-failures"}'), 1);
    assert.equal(now("limits_refused"), 1);
    assert.equal(now("active_connections", '{listener="imaps"}'), 1);
    assert.equal(now("active_sessions", '{destination="old"}'), 1);
    const ended = '{protocol="imap",reason="client-closed"}';
    assert.equal(now("sessions_ended", ended), 1);
    const inward = '{protocol="imap",direction="in"}';
    const outward = '{protocol="imap",direction="out"}';
    assert.ok(now("bytes", inward) > 0, "of a session that goes on");
    assert.ok(now("bytes", outward) > 0);
    assert.equal(now("bytes", '{protocol="pop3",direction="in"}'), 0);
    assert.equal(
      now(
        "breaker_state",
        '{destination="old",protocol="imap",state="closed"}',
      ),
      1,
    );
    const { validTo } = new X509Certificate(proxy.ground.certificate.certPem);
    assert.equal(
      now("certificate_expiry_timestamp_seconds", '{certificate="main"}'),
      Date.parse(validTo) / 1000,
    );
    assert.equal(now("config_generation"), 1);
    const counted = (name: string, labels: string) =>
      now(name, `_count{${labels}}`);
    assert.equal(counted("login_duration_seconds", 'protocol="imap"'), 1);
    for (const stage of ["lookup", "dial", "auth"]) {
      const labels = `stage="${stage}"`;
      assert.equal(counted("login_stage_duration_seconds", labels), 2, stage);
    }
    // Nobody was held, and the legs are in clear.
    for (const stage of ["hold", "tls"]) {
      const labels = `stage="${stage}"`;
      assert.equal(counted("login_stage_duration_seconds", labels), 0, stage);
    }
    assert.equal(now("cache_lookups", '{result="miss"}'), 2);
    assert.ok(now("resident_memory_bytes") > 10_000_000);
    assert.ok(now("heap_bytes", '{thread="control"}') > 1_000_000);
    assert.equal(now("workers"), 1);
    assert.equal(now("bugs"), 0);
    const [build] = during.get("mailferry_build")!.samples.keys();
    assert.match(build!, /^\{version="\d+\.\d+\.\d+",deno="[\d.]+",target="/);

    alice.close();
    await proxy.ended(alice);
    const after = parse(await scrape(proxy));
    assert.ok(value(after, "bytes", inward) >= now("bytes", inward));
    assert.equal(value(after, "active_sessions", '{destination="old"}'), 0);
    const text = await scrape(proxy);
    for (const who of [ALICE, BOB, "alice", "127.0.0.1"]) {
      assert.ok(!text.includes(who), who);
    }
  },
);

needs(
  ["curl"],
  "GET /metrics is Prometheus text for those who prefer it",
  async () => {
    await using stage = await Stage.create();
    const text = await scrape(
      stage.proxy,
      "text/plain;version=0.0.4, application/openmetrics-text;q=0.5",
    );
    assert.match(
      text,
      /^# TYPE mailferry_connections_accepted_total counter$/m,
    );
    assert.match(text, /^mailferry_build_info\{.*\} 1$/m);
    assert.doesNotMatch(text, /EOF/);
    assert.ok(text.endsWith("\n"));
  },
);

needs(
  ["curl"],
  "GET /metrics tells of a leg that is down and of a reload that was refused",
  async () => {
    await using stage = await Stage.create({
      config: {
        server: { host_down_threshold: 1, backend_connect_retries: 0 },
      },
      oldDestination: { protocol: { imap: { port: 1 } } },
    });
    const { proxy } = stage;
    using client = await stage.client();
    assert.equal((await client.transact(login(ALICE))).status, "NO");
    const down = '{destination="old",protocol="imap",state="down"}';
    await until(
      "the leg is down",
      async () =>
        value(parse(await scrape(proxy)), "breaker_state", down) === 1,
    );
    const loaded = "config_last_reload_success_timestamp_seconds";
    const first = parse(await scrape(proxy));
    assert.equal(value(first, "config_last_reload_successful"), 1);
    await proxy.reconfigure({ limits: { failure_delay: "soon" } });
    assert.equal((await proxy.admin("POST", "/config/reload")).status, 400);
    const refused = parse(await scrape(proxy));
    assert.equal(value(refused, "config_last_reload_successful"), 0);
    assert.equal(value(refused, loaded), value(first, loaded));
    assert.equal(value(refused, "config_reload_failures"), 1);
    await proxy.reconfigure({ limits: { failure_delay: "2s" } });
    assert.equal((await proxy.admin("POST", "/config/reload")).status, 200);
    const good = parse(await scrape(proxy));
    assert.equal(value(good, "config_last_reload_successful"), 1);
    assert.ok(value(good, loaded) > value(first, loaded));
    assert.ok(value(good, "config_generation") > 1);
  },
);
