/** Small JMAP calls, by wrk: it takes less CPU than any program that it measures. */
import { authorization } from "./http_dialogues.ts";
import { fileLimit } from "./process.ts";

export interface Calls {
  port: number;
  connections: number;
  seconds: number;
  /** Where its script may be written. */
  folder: string;
}

export interface Called {
  requests: number;
  perSecond: number;
  /** Microseconds. */
  p50: number;
  p99: number;
}

/** Some 300 bytes. */
export const CALL = JSON.stringify({
  using: ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
  methodCalls: [["Email/query", {
    accountId: "u0123456789abcdef",
    filter: { inMailbox: "Mb0123456789", notKeyword: "$junk" },
    sort: [{ property: "receivedAt", isAscending: false }],
    position: 0,
    limit: 30,
    calculateTotal: true,
  }, "c1"]],
});

/** wrk's script: what is sent, and the result as JSON in its last line. */
const SCRIPT = `wrk.method = "POST"
wrk.body = '${CALL}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Host"] = "proxy.bench.test"
wrk.headers["Authorization"] = "${authorization("user0@example.com")}"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"failed":%d,"us":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end
`;

/** As many calls as there is time for; throws where one fails. */
export async function callByWrk(
  { port, connections, seconds, folder }: Calls,
): Promise<Called> {
  const script = `${folder}/call.lua`;
  await Deno.writeTextFile(script, SCRIPT);
  const args = [
    ...["-t", "1", "-c", `${connections}`, "-d", `${seconds}s`],
    ...["-s", script, `https://127.0.0.1:${port}/jmap/`],
  ];
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `ulimit -n ${fileLimit}; exec wrk "$@"`, "wrk", ...args],
    stderr: "inherit",
  }).output();
  const last = new TextDecoder().decode(stdout).trim().split("\n").at(-1);
  const result = JSON.parse(last ?? "") as Called & {
    failed: number;
    us: number;
  };
  if (result.failed > 0) throw new Error(`${result.failed} calls failed`);
  return { ...result, perSecond: result.requests / (result.us / 1e6) };
}
