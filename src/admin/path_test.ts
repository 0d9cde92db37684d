import assert from "node:assert/strict";
import { fillPath, matchPath, pathParameters, restOf } from "./path.ts";

Deno.test("matchPath takes a segment for each parameter and decodes it", () => {
  const path = "/pki/ca/{id}/certificates";
  assert.deepEqual(pathParameters(path), ["id"]);
  assert.deepEqual(matchPath(path, "/pki/ca/local/certificates"), {
    id: "local",
  });
  assert.deepEqual(matchPath(path, "/pki/c%61/a%2Fb/certificates"), {
    id: "a/b",
  });
  assert.deepEqual(matchPath("/stats", "/stats"), {});
  for (
    const other of [
      "/pki/ca/local",
      "/pki/ca//certificates",
      "/pki/ca/local/certificates/x",
      "/pki/ca%2Flocal/certificates",
    ]
  ) {
    assert.equal(matchPath(path, other), null, other);
  }
  assert.throws(() => matchPath(path, "/pki/ca/%zz/certificates"), {
    status: 400,
  });
});

Deno.test("fillPath encodes what would separate", () => {
  assert.equal(
    fillPath("/pki/ca/{id}", { id: "a/b ?" }),
    "/pki/ca/a%2Fb%20%3F",
  );
  assert.equal(fillPath("/stats", {}), "/stats");
});

Deno.test("matchPath leaves all that follows as it is", () => {
  const path = "/id/{id}/{path...}";
  assert.deepEqual(restOf(path), { base: "/id/{id}", name: "path" });
  assert.equal(restOf("/id/{id}"), null);
  assert.deepEqual(pathParameters(path), ["id", "path"]);
  const values = (raw: string) => matchPath(path, raw);
  assert.deepEqual(values("/id/a%2Fb"), { id: "a/b", path: "" });
  assert.deepEqual(values("/id/x/a%2Fb/c"), { id: "x", path: "/a%2Fb/c" });
  assert.deepEqual(values("/id/x//c"), { id: "x", path: "//c" });
  assert.equal(values("/id"), null);
  assert.equal(values("/ids/x"), null);
  assert.equal(fillPath(path, { id: "a/b" }), "/id/a%2Fb/");
  assert.equal(
    fillPath(path, { id: "x", path: "/a%2Fb/c d?\u00e9/..." }),
    "/id/x/a%2Fb/c%20d%3F%C3%A9/...",
  );
});
