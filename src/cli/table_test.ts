import assert from "node:assert/strict";
import { renderJson } from "./table.ts";

Deno.test("renderJson writes plain fields one a line", () => {
  assert.equal(
    renderJson({ destination: "new", routed_to_default: false, refused: null }),
    "destination:        new\nrouted_to_default:  no\nrefused:            -\n",
  );
});

Deno.test("renderJson writes lists as tables, nested ones as indented rows", () => {
  const legs = [
    { protocol: "imap", down: false },
    { protocol: "pop3", down: true },
  ];
  assert.equal(
    renderJson({ destinations: [{ destination: "old", down: true, legs }] }),
    "DESTINATION  DOWN\nold          yes\n  imap       no\n  pop3       yes\n",
  );
  assert.equal(renderJson({ sessions: [] }), "no sessions\n");
  assert.equal(
    renderJson(legs),
    "PROTOCOL  DOWN\nimap      no\npop3      yes\n",
  );
});

Deno.test("renderJson lets no control sequence through to a terminal", () => {
  assert.equal(renderJson({ a: "\x1b[2J\n\x9b" }), "a:  ?[2J??\n");
});
