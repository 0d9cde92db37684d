import assert from "node:assert/strict";
import { BASE, problemsOf } from "./testing.ts";

const missing = (text: string) =>
  problemsOf(text).filter((line) =>
    line.includes("not available in this version")
  )
    .map((line) => line.split(": ")[1]);

Deno.test("refuseMissingFeatures names the key of each feature of a later version", () => {
  const others = ["http"];
  for (const protocol of others) {
    const text =
      `${BASE}[listener.x]\nprotocol = "${protocol}"\nbind = ["127.0.0.1:0"]\ntls = "plain"\n`;
    assert.deepEqual(missing(text), ["listener.x.protocol"], protocol);
  }
  assert.deepEqual(
    missing(`${BASE}[[http.route]]\nmatch = "/"\ndestination = "old"\n`),
    ["http.route"],
  );
});

Deno.test("refuseMissingFeatures lets legs and capabilities of other protocols stand", () => {
  const text =
    `${BASE}[destination.old.protocol.pop3]\nport = 995\ntls = "implicit"\n[capabilities.pop3]\nbanner = "hi"\n[http]\nrelay_idle = "1s"\n[capabilities.managesieve]\nsieve = "fileinto vacation"\n[capabilities.submission]\nehlo = ["SIZE 1000"]\n`;
  assert.deepEqual(problemsOf(text), []);
});
