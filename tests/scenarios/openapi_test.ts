/** The management API against its own description. */
import assert from "node:assert/strict";
import { TOKEN } from "../support/proxy_config.ts";
import { outcome } from "../support/program.ts";
import { needs, schemathesis } from "../support/requirements.ts";
import { ALICE, Stage } from "../support/stage.ts";

/** Values that exist, so that requests get past 404. */
const KNOWN = `
[[operations]]
include-path-regex = "^/id/"
parameters = { "path.id" = "thing" }
[[operations]]
include-path-regex = "^/pki/"
parameters = { "path.id" = "local" }
[[operations]]
include-path-regex = "^/(mappings|routes|connections)"
parameters = { "query.identifier" = "${ALICE}" }
`;

needs(
  ["schemathesis"],
  "every route answers as /openapi.json declares, and never with 500",
  async () => {
    await using stage = await Stage.create({
      config: {
        destination: { new: { "@id": "thing" } },
        // It also asks without a token.
        admin: { lockout_threshold: 1_000_000 },
      },
    });
    const { proxy } = stage;
    const { folder, authority } = proxy.ground;
    await Deno.writeTextFile(`${folder}/schemathesis.toml`, KNOWN);
    const { code, text } = await outcome(schemathesis(), [
      ...["--config-file", `${folder}/schemathesis.toml`],
      ...["run", `${proxy.adminUrl}/openapi.json`],
      ...["--tls-verify", authority.file],
      ...["-H", `Authorization: Bearer ${TOKEN}`],
      ...["--seed", "1", "-n", "20", "--phases", "coverage,fuzzing"],
      ...["--generation-database", "none"],
      // It would end the proxy.
      ...["--exclude-path", "/stop"],
      "--checks",
      [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "allow_header_conformance",
      ].join(","),
    ], folder);
    assert.equal(code, 0, text);
    assert.equal(proxy.count("admin_internal_error"), 0);
  },
);
