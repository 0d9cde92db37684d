import assert from "node:assert/strict";
import { within } from "../../tests/support/wait.ts";
import { Port, PortError } from "./port.ts";

interface LeftAsks {
  double: { in: number; out: number };
  fail: { in: string; out: null };
  later: { in: null; out: string };
}
interface LeftTells {
  note: string;
}
interface RightAsks {
  echo: { in: unknown; out: unknown };
}
interface RightTells {
  mark: number;
}

function pair() {
  const { port1, port2 } = new MessageChannel();
  const heard: string[] = [];
  const marks: number[] = [];
  const later = Promise.withResolvers<string>();
  const left = new Port<LeftAsks, LeftTells, RightAsks, RightTells>(port1, {
    echo: (value) => value,
  }, { mark: (n) => void marks.push(n) });
  const right = new Port<RightAsks, RightTells, LeftAsks, LeftTells>(port2, {
    double: (n) => {
      heard.push(`double ${n}`);
      return n * 2;
    },
    fail: (how) => {
      if (how === "throw") throw new Error("thrown in words");
      return Promise.reject(how === "bare" ? "bare" : new Error("rejected"));
    },
    later: () => later.promise,
  }, { note: (text) => void heard.push(`note ${text}`) });
  return {
    left,
    right,
    heard,
    marks,
    later,
    [Symbol.dispose]() {
      port1.close();
      port2.close();
    },
  };
}

Deno.test("Port.call brings the answer of the other side", async () => {
  using all = pair();
  const { left, right } = all;
  assert.equal(await within("answer", left.call("double", 21)), 42);
  assert.deepEqual(
    await within("answer", right.call("echo", { a: [1, undefined, null] })),
    { a: [1, undefined, null] },
  );
});

Deno.test("Port keeps the order of requests and notices", async () => {
  using all = pair();
  const { left, heard } = all;
  const answers = [];
  for (let i = 0; i < 50; i++) {
    left.notify("note", `${i}`);
    answers.push(left.call("double", i));
  }
  assert.deepEqual(
    await within("answers", Promise.all(answers)),
    Array.from({ length: 50 }, (_, i) => i * 2),
  );
  assert.deepEqual(
    heard,
    Array.from({ length: 50 }, (_, i) => [`note ${i}`, `double ${i}`]).flat(),
  );
});

Deno.test("Port answers requests as they are done, not as they came", async () => {
  using all = pair();
  const { left, later } = all;
  const slow = left.call("later", null);
  assert.equal(await within("quick", left.call("double", 1)), 2);
  later.resolve("at last");
  assert.equal(await within("slow", slow), "at last");
});

Deno.test("Port.call rejects with the words of the other side", async () => {
  using all = pair();
  for (
    const [how, words] of [
      ["throw", "thrown in words"],
      ["reject", "rejected"],
      ["bare", "bare"],
    ] as const
  ) {
    await assert.rejects(
      within("answer", all.left.call("fail", how)),
      (error) => error instanceof PortError && error.message === words,
    );
  }
});

Deno.test("Port.close fails the requests under way and all later ones", async () => {
  using all = pair();
  const { left, right, later } = all;
  const open = [left.call("later", null), left.call("later", null)];
  left.close("the worker is gone");
  for (const each of open) await assert.rejects(each, /the worker is gone/);
  await assert.rejects(left.call("double", 1), PortError);
  left.notify("note", "nobody hears");
  later.resolve("too late");
  right.close("over");
});

Deno.test("Port.close keeps answers of handlers that are still at work", async () => {
  using all = pair();
  const { left, right, later } = all;
  const open = left.call("later", null);
  open.catch(() => {});
  // An answer to the second shows that the first has been heard.
  await within("heard", left.call("double", 1));
  right.close("over");
  later.resolve("unsaid");
  left.close("over");
  await assert.rejects(open, /over/);
});
