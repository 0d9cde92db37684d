import assert from "node:assert/strict";
import { routes } from "../admin/routes.ts";
import {
  globalOptions,
  optionsOf,
  parametersOf,
  parseArguments,
} from "./arguments.ts";
import { CtlError } from "./io.ts";

function parsed(line: string) {
  const { route, values, globals } = parseArguments(line.split(" "), routes);
  return [route && `${route.method} ${route.path}`, values, globals];
}

function refused(line: string, message: string | RegExp) {
  assert.throws(
    () => parseArguments(line.split(" "), routes),
    (error: CtlError) => {
      assert.equal(error.exit, 2);
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
}

Deno.test("parseArguments finds the route and binds its parameters", () => {
  assert.deepEqual(parsed("stats"), ["GET /stats", {}, {}]);
  assert.deepEqual(parsed("mappings set a@b.c new"), [
    "PUT /mappings",
    { identifier: "a@b.c", destination: "new" },
    {},
  ]);
  assert.deepEqual(parsed("cache invalidate"), [
    "POST /cache/invalidate",
    {},
    {},
  ]);
  assert.deepEqual(parsed("destinations"), ["GET /destinations", {}, {}]);
  assert.deepEqual(parsed("sessions --destination old --json"), [
    "GET /sessions",
    { destination: "old" },
    { json: "" },
  ]);
  assert.deepEqual(
    parsed("--config=c.toml sessions list --client=192.0.2.1"),
    ["GET /sessions", { client: "192.0.2.1" }, { config: "c.toml" }],
  );
  assert.deepEqual(parsed("mappings get -- --odd"), [
    "GET /mappings",
    { identifier: "--odd" },
    {},
  ]);
  assert.deepEqual(parsed("mappings"), [undefined, {}, {}]);
  assert.deepEqual(parsed("mappings set --help"), [
    "PUT /mappings",
    {},
    { help: "" },
  ]);
});

Deno.test("no parameter of a route is hidden behind an option of ctl itself", () => {
  const names = routes.flatMap(({ parameters }) => Object.keys(parameters));
  assert.deepEqual(names.filter((n) => Object.hasOwn(globalOptions, n)), []);
});

Deno.test("parseArguments binds every route by its verb", () => {
  for (const route of routes) {
    const needed = Object.entries(parametersOf(route))
      .filter(([, { required }]) => required).map(([name]) => name);
    const words = needed.filter((name) => !optionsOf(route).includes(name));
    const options = needed.filter((name) => optionsOf(route).includes(name))
      .map((name) => `--${name}=x`);
    const found = parseArguments(
      [...route.cli.verb, ...words, ...options],
      routes,
    );
    assert.equal(found.route, route);
  }
});

Deno.test("parseArguments says what is wrong and what was probably meant", () => {
  refused("stat", "unknown command stat: did you mean stats?");
  refused(
    "mappings sett a b",
    "unknown command mappings sett: did you mean mappings set?",
  );
  refused(
    "destinations rest x",
    "unknown command destinations rest: did you mean destinations reset?",
  );
  refused("xyzzyplugh", "unknown command xyzzyplugh");
  refused("mappings set a", "mappings set: DESTINATION missing");
  refused("mappings set", "mappings set: IDENTIFIER DESTINATION missing");
  refused("stats now", "stats: unexpected argument now");
  refused("stats --jsn", "unknown option --jsn: did you mean --json?");
  refused("stats -x", /^unknown option -x/);
  refused("stats --destination old", "stats has no option --destination");
  refused("stats --config", "--config needs a value");
  refused("stats --json=1", "--json takes no value");
});
