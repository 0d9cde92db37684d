/** The same changes of maps and acls given to a real HAProxy and to the runtime socket: the answers agree. */
import assert from "node:assert/strict";
import { SeededRandom } from "../support/random.ts";
import { needs } from "../support/requirements.ts";
import { ask } from "../support/runtime_client.ts";
import { Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const MAP = "# of both\na 1\nb  two words\nc 3\n";
const ACL = "10.0.0.0/8\n# of both\n192.0.2.7\n2001:db8::/32\n";

/** HAProxy and mailferry with a map and an acl of the same content, `M` and `A` in commands. */
class Pair implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly haproxy: Deno.ChildProcess,
    private readonly stage: Stage,
  ) {}

  static async create(): Promise<Pair> {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/M`, MAP);
    await Deno.writeTextFile(`${folder}/A`, ACL);
    await Deno.writeTextFile(
      `${folder}/haproxy.cfg`,
      `global\n  stats socket ${folder}/theirs mode 600 level admin\n` +
        "defaults\n  mode http\n  timeout connect 5s\n" +
        "  timeout client 5s\n  timeout server 5s\n" +
        `frontend f\n  bind unix@${folder}/front\n` +
        `  http-request deny if { src -f ${folder}/A }\n` +
        `  http-request set-header x %[hdr(host),map(${folder}/M)]\n`,
    );
    const haproxy = new Deno.Command("haproxy", {
      args: ["-db", "-f", `${folder}/haproxy.cfg`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const socket = { path: `${folder}/ours`, level: "admin" };
    const stage = await Stage.create({
      config: {
        acl: { A: { file: `${folder}/A` } },
        map: { M: { file: `${folder}/M` } },
        runtime: { socket: [socket] },
      },
    });
    await until(
      "HAProxy's socket",
      () => Deno.lstat(`${folder}/theirs`).then(() => true, () => false),
    );
    return new Pair(folder, haproxy, stage);
  }

  /** Both answers, without what is a matter of the program: names of files and references. */
  async both(input: string): Promise<[string, string]> {
    const [theirs, ours] = await Promise.all([
      ask(
        `${this.folder}/theirs`,
        input.replace(/ ([AM])\b/, ` ${this.folder}/$1`),
      ),
      ask(`${this.folder}/ours`, input),
    ]);
    return [comparable(theirs), comparable(ours)];
  }

  async agree(input: string): Promise<string> {
    const [theirs, ours] = await this.both(`${input}\n`);
    assert.equal(ours, theirs, input);
    return ours;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.haproxy.kill("SIGTERM");
    await this.haproxy.status;
    await this.stage[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Entries without their references, in an order of their own; of the list what is of our tables. */
function comparable(answer: string): string {
  const lines = answer.trimEnd().split("\n");
  if (/^0x/.test(answer)) {
    return lines.map((line) => line.replace(/^0x[0-9a-f]+ /, "")).sort()
      .join("\n");
  }
  if (!answer.startsWith("# id")) return answer;
  const own = lines.flatMap((line) =>
    /^\d+ \((?:\/.*\/)?([AM])\) .* (curr_ver=\d+ next_ver=\d+) entry_cnt=\d+$/
      .exec(line)?.slice(1).join(" ") ?? []
  );
  return [lines[0], ...own].join("\n");
}

needs(
  ["haproxy"],
  "a transaction of a map is answered as HAProxy answers it, step by step",
  async () => {
    await using pair = await Pair.create();
    assert.equal(
      await pair.agree("get map M a"),
      'type=str, case=sensitive, found=yes, idx=tree, key="a", value="1", type="str"\n\n',
    );
    for (
      const line of [
        ...["show map", "show map M", "show map nope", "show map #99"],
        ...["get map M a", "get map M b", "get map M z", "set map M a 9"],
        ...["set map M z 9", "set map M #0x1 9", "del map M c", "del map M c"],
        ...["del map M #0x1", "add map M d 4", "add map M", "add map M d"],
        ...["add map M <<\nk1 v1\nk2   v2  v3\n", "show map M"],
        ...["prepare map M", "prepare map M", "prepare map nope"],
        ...["prepare map", "show map", "add map @1 M p 1", "add map @2 M q 2"],
        ...["add map @9 M q 2", "show map @1 M", "show map @2 M"],
        ...["show map @0 M", "show map @9 M", "show map M", "get map M p"],
        ...["clear map @1 M", "show map @1 M", "add map @1 M p 3"],
        ...["commit map @1 M", "show map", "show map M", "commit map @1 M"],
        ...["show map @2 M", "commit map @2 M", "commit map @77 M"],
        ...["commit map M", "commit map @x M", "show map M", "get map M q"],
        ...["prepare map M", "prepare map M", "add map @4 M four 4"],
        ...["add map @3 M three 3", "commit map @4 M", "show map"],
        ...["show map M", "show map @3 M", "commit map @3 M"],
        ...["add map @4 M live 5", "show map M", "clear map @3 M"],
        ...["clear map @99 M", "show map M", "clear map @4 M", "show map M"],
        ...["clear map", "clear map nope", "prepare map M", "commit map @5 M"],
        ...["show map M", "add map M x y", "clear map M", "show map M"],
        ...["commit map @5", "commit map @5 nope", "add map @5 nope x y"],
      ]
    ) await pair.agree(line);
  },
);

needs(
  ["haproxy"],
  "a transaction of an acl is answered as HAProxy answers it, step by step",
  async () => {
    await using pair = await Pair.create();
    assert.equal(
      await pair.agree("get acl A 10.9.9.9"),
      'type=ip, case=sensitive, match=yes, idx=tree, pattern="10.0.0.0/8"\n\n',
    );
    for (
      const line of [
        ...["show acl A", "show acl nope", "get acl A 10.1.2.3"],
        ...["get acl A 11.1.2.3", "get acl A 2001:db8::1", "get acl A xxx"],
        ...["add acl A 10.1.0.0/16", "get acl A 10.1.2.3", "show acl A"],
        ...["add acl A foo", "add acl A 10.0.0.0/33", "add acl A"],
        ...["del acl A 192.0.2.7", "del acl A 192.0.2.7", "del acl A foo"],
        ...["del acl A #0x1", "show acl A", "prepare acl A", "prepare acl A"],
        ...["add acl @2 A 203.0.113.0/24", "add acl @1 A 198.51.100.1"],
        ...["add acl @3 A 198.51.100.1", "show acl @1 A", "show acl @2 A"],
        ...["get acl A 203.0.113.9", "commit acl @2 A", "show acl A"],
        ...["get acl A 203.0.113.9", "get acl A 10.1.2.3", "show acl @1 A"],
        ...["commit acl @1 A", "commit acl A", "commit acl @2", "clear acl A"],
        ...["show acl A", "prepare acl nope", "prepare acl", "clear acl"],
      ]
    ) await pair.agree(line);
  },
);

needs(
  ["haproxy"],
  "any sequence of changes leaves a map as HAProxy's",
  async () => {
    for (const seed of [1, 2, 3]) {
      await using pair = await Pair.create();
      const random = new SeededRandom(seed);
      let current = 0;
      let next = 0;
      let keys = ["a", "b", "c"];
      let fresh = 0;
      for (let step = 0; step < 60; step++) {
        // A key that is there is not added again: HAProxy would have it twice.
        const key = `k${fresh++}`;
        const known = keys.length === 0 ? key : random.pick(keys);
        const version = current + random.below(next - current + 1);
        switch (random.below(8)) {
          case 0:
            await pair.agree("prepare map M");
            next++;
            break;
          case 1:
          case 2:
            await pair.agree(`add map @${version} M ${key} ${step}`);
            if (version === current) keys.push(key);
            break;
          case 3:
            await pair.agree(`add map M <<\n${key} some words ${step}\n`);
            keys.push(key);
            break;
          case 4:
            await pair.agree(`set map M ${known} set${step}`);
            break;
          case 5:
            await pair.agree(`del map M ${known}`);
            keys = keys.filter((key) => key !== known);
            break;
          case 6:
            await pair.agree(`clear map @${version} M`);
            if (version === current) keys = [];
            break;
          case 7: {
            if (version === current) break;
            await pair.agree(`commit map @${version} M`);
            current = version;
            const content = await pair.agree("show map M");
            keys = content.split("\n").filter((line) => line !== "")
              .map((line) => line.split(" ")[0]!);
            break;
          }
        }
        for (let each = current; each <= next; each++) {
          await pair.agree(`show map @${each} M`);
        }
        await pair.agree("show map");
      }
    }
  },
);
