import assert from "node:assert/strict";
import { mappingTargetFault } from "./mapping_targets.ts";

Deno.test("mappingTargetFault asks for a leg of each protocol that is routed by mapping", () => {
  const legs = (...protocols: string[]) => ({
    protocol: Object.fromEntries(protocols.map((name) => [name, {}])),
  });
  const fault = mappingTargetFault({
    listener: {
      imap: { protocol: "imap" },
      web: { protocol: "http" },
      relay: { protocol: "smtp", route: "passthrough" },
    },
    destination: { old: legs("imap", "http"), new: legs("imap", "smtp") },
  });
  assert.equal(fault("old"), null);
  assert.equal(
    fault("new"),
    "destination new has no leg for http, which a listener speaks",
  );
  assert.equal(fault("gone"), 'destination "gone" is not declared');
});
