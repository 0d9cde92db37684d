import assert from "node:assert/strict";
import {
  adminTokenOf,
  configPathOf,
  effectiveLogLevel,
  logLevelWarning,
} from "./environment.ts";
import { envOf } from "./testing.ts";

Deno.test("effectiveLogLevel: PROXY_LOG, then RUST_LOG's first bare level, then the file", () => {
  const level = (variables: Record<string, string>) =>
    effectiveLogLevel("warn", envOf(variables));
  assert.equal(level({}), "warn");
  assert.equal(level({ PROXY_LOG: "Debug" }), "debug");
  assert.equal(level({ PROXY_LOG: "trace", RUST_LOG: "error" }), "trace");
  assert.equal(level({ RUST_LOG: "hyper=trace, error,info" }), "error");
  assert.equal(level({ RUST_LOG: "hyper=trace" }), "warn");
  assert.equal(level({ PROXY_LOG: "loud" }), "warn");
  assert.equal(level({ PROXY_LOG: "info,hyper=warn" }), "info");
});

Deno.test("logLevelWarning names an unknown level", () => {
  assert.equal(logLevelWarning(envOf({ PROXY_LOG: "info" })), null);
  assert.equal(logLevelWarning(envOf({})), null);
  assert.match(
    logLevelWarning(envOf({ PROXY_LOG: "debg" }))!,
    /did you mean "debug"/,
  );
});

Deno.test("adminTokenOf takes an empty variable for none", () => {
  assert.equal(adminTokenOf(envOf({ PROXY_ADMIN_TOKEN: "" })), undefined);
  assert.equal(adminTokenOf(envOf({ PROXY_ADMIN_TOKEN: "x" })), "x");
});

Deno.test("configPathOf prefers the argument", () => {
  const env = envOf({ PROXY_CONFIG: "a.toml" });
  assert.equal(configPathOf("b.toml", env), "b.toml");
  assert.equal(configPathOf(undefined, env), "a.toml");
  assert.equal(configPathOf(undefined, envOf({ PROXY_CONFIG: "" })), undefined);
});
