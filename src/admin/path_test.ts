import assert from "node:assert/strict";
import { fillPath, matchPath, pathParameters } from "./path.ts";

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
