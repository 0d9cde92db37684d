import assert from "node:assert/strict";
import { findViolations } from "./boundary_rules.ts";

const lines = (path: string, source: string) =>
  findViolations(path, source).map((v) => v.line);

Deno.test("findViolations keeps control and worker apart and names the port", () => {
  const source = '\nimport { run } from "../worker/main.ts";\n';
  const [violation] = findViolations("src/control/supervisor.ts", source);
  assert.equal(violation?.line, 2);
  assert.match(violation.message, /src\/port/);
  assert.deepEqual(
    lines(
      "src/worker/session.ts",
      'import type { A } from "../control/api.ts";',
    ),
    [1],
  );
});

Deno.test("findViolations lets a module be spawned without importing it", () => {
  const source =
    'new Worker(new URL("../worker/main.ts", import.meta.url), { type: "module" });';
  assert.deepEqual(lines("src/control/supervisor.ts", source), []);
});

Deno.test("findViolations follows the folders", () => {
  assert.deepEqual(
    lines(
      "src/protocols/imap/front.ts",
      'import { a } from "../../net/dial.ts";',
    ),
    [],
  );
  assert.deepEqual(
    lines(
      "src/protocols/imap/front.ts",
      'import { a } from "../../store/file.ts";',
    ),
    [1],
  );
  assert.deepEqual(
    lines("src/net/tls.ts", 'import { a } from "./dial.ts";'),
    [],
  );
  assert.deepEqual(
    lines("src/net/tls.ts", 'import { a } from "../observe/log.ts";'),
    [1],
  );
  assert.deepEqual(
    lines("src/net/tls.ts", 'import type { A } from "../port/snapshot.ts";'),
    [],
  );
  assert.deepEqual(
    lines("src/route/cache.ts", 'import { a } from "../port/messages.ts";'),
    [],
  );
  assert.deepEqual(
    lines(
      "src/demo/demo.ts",
      'import { a } from "../../tests/support/imap.ts";',
    ),
    [1],
  );
  assert.deepEqual(
    lines("src/new/thing.ts", 'const a = await import("../net/dial.ts");'),
    [1],
  );
});

Deno.test("findViolations bans sockets and the console outside their folders", () => {
  assert.deepEqual(
    lines("src/worker/listen.ts", "const a = Deno.listenTls({ port: 0 });"),
    [1],
  );
  assert.deepEqual(
    lines("src/admin/server.ts", "const a = Deno.listen({ port: 0 });"),
    [],
  );
  assert.deepEqual(
    lines("src/protocols/imap/back.ts", 'import net from "node:net";'),
    [1],
  );
  assert.deepEqual(
    lines("src/config/scalars.ts", 'import { isIP, isIPv4 } from "node:net";'),
    [],
  );
  assert.deepEqual(
    lines("src/config/scalars.ts", 'import { isIP, connect } from "node:net";'),
    [1],
  );
  assert.deepEqual(lines("src/observe/log.ts", "console.error(1);"), [1]);
  assert.deepEqual(lines("src/cli/main.ts", "console.log(1);"), []);
});

Deno.test("findViolations does not read comments", () => {
  const source =
    '/* console.log, Deno.connect */ // from "../worker/main.ts"\nconst a = "http://x"; // console.log';
  assert.deepEqual(lines("src/control/apply.ts", source), []);
});
