import assert from "node:assert/strict";
import { setUp } from "../../../tests/support/admin_dispatch.ts";

Deno.test("dispatch gives an export as it is liked, and takes an import by its type or as it is said", async () => {
  const { ask, control, expect, audits } = setUp();
  const exported = async (query: string, accept?: string) => {
    const answer = await ask(
      `GET /mappings/export${query}`,
      accept === undefined ? {} : { accept },
    );
    assert.equal(answer.headers.get("x-total-count"), "1");
    return [answer.headers.get("content-type"), answer.body];
  };
  const ndjson = [
    "application/x-ndjson",
    '{"identifier":"alice@example.com","destination":"old"}\n',
  ];
  const csv = ["text/csv", "identifier,destination\nalice@example.com,old\n"];
  assert.deepEqual(await exported(""), ndjson);
  assert.deepEqual(await exported("", "*/*"), ndjson);
  assert.deepEqual(await exported("", "text/csv, */*;q=0.1"), csv);
  assert.deepEqual(await exported("?format=csv", "application/json"), csv);
  assert.deepEqual(await exported("?format=tsv&destination=old"), [
    "text/tab-separated-values",
    "alice@example.com\told\n",
  ]);
  assert.deepEqual(control.calls.at(-1), ["export", "old"]);
  await expect("GET /mappings/export?format=xml", 400, "invalid format\n");
  await expect("GET /mappings", 400, "identifier required\n");

  control.calls.length = 0;
  const line = "POST /mappings/import";
  const types = { "content-type": "text/csv; charset=utf-8" };
  await ask(line, { body: "a,new\n", headers: types });
  await ask(`${line}?format=tsv&mode=best-effort&dry_run=true`, {
    body: "",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  assert.deepEqual(control.calls.filter(([name]) => name === "import"), [
    ["import", { format: "csv", mode: "all-or-nothing", dryRun: false }],
    ["import", { format: "tsv", mode: "best-effort", dryRun: true }],
  ]);
  const other = { "content-type": "application/xml" };
  assert.equal((await ask(line, { body: "", headers: other })).status, 415);
  for (const [result, status] of [["refused", 422], ["failed", 500]] as const) {
    control.importResult = result;
    const answer = await ask(line, { body: "a,new\n", headers: types });
    assert.equal(answer.status, status);
    assert.equal(JSON.parse(answer.body).result, result);
  }
  assert.deepEqual(audits().at(-1)!["parameters"], {
    lines: "1",
    written: "1",
    bad_lines: "0",
  });
});
