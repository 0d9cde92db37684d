/** The management API and the configuration against their own descriptions. */
import assert from "node:assert/strict";
import { run } from "../support/mailferry.ts";
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
      // The machine may be busy.
      ...["--request-timeout", "60"],
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

/** Validates with the library that Schemathesis itself uses. */
const VALIDATE = `
import json, sys, tomllib, jsonschema_rs
schema = json.load(open(sys.argv[1]))
jsonschema_rs.meta.validate(schema)
validator = jsonschema_rs.validator_for(schema)
for file in sys.argv[2:]:
    for error in validator.iter_errors(tomllib.load(open(file, "rb"))):
        print(file, error.instance_path, error.message)
`;

needs(
  ["schemathesis"],
  "the schema of the configuration is one, and knows the examples from what is wrong",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { stdout } = await run(["config", "schema"]);
      const schema = `${folder}/schema.json`;
      await Deno.writeTextFile(schema, stdout);
      const python = schemathesis().replace(/schemathesis$/, "python");
      const complaints = async (...files: string[]) =>
        (await outcome(python, ["-c", VALIDATE, schema, ...files])).text;
      const root = new URL("../../", import.meta.url).pathname;
      const examples = ["config.example.toml", "docs/estate.toml"];
      assert.equal(
        await complaints(...examples.map((file) => root + file)),
        "",
      );
      const wrong = `${folder}/wrong.toml`;
      await Deno.writeTextFile(
        wrong,
        '[server]\nshutdown_grace = "soon"\ntreads = 2\n',
      );
      const text = await complaints(wrong);
      for (const found of ["shutdown_grace", "treads", "routing", "mapping"]) {
        assert.ok(text.includes(found), text);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
