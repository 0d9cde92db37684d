import assert from "node:assert/strict";
import { trusts } from "./admin_client.ts";

Deno.test("trusts accepts an unknown certificate on loopback only", () => {
  const kinds = (hostname: string, insecure = false) => {
    const unknown = { certPem: undefined, rootPem: undefined };
    const target = { hostname, port: 1, token: "t", ...unknown };
    return trusts(target, { insecure, caPem: undefined, hostRoots: [] })
      .map(({ kind }) => kind);
  };
  for (const local of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) {
    assert.deepEqual(kinds(local), ["none"]);
  }
  for (const far of ["192.0.2.1", "mail.example.com", "127.example.com"]) {
    assert.deepEqual(kinds(far), ["store"]);
    assert.deepEqual(kinds(far, true), ["none"]);
  }
});
