import assert from "node:assert/strict";
import { parseSqlUrl, type SqlAddress, SqlUrlFault } from "./sql_url.ts";

const server = (over: Partial<SqlAddress>) => ({
  kind: "postgres",
  target: { host: "db", port: 5432 },
  user: "",
  password: "",
  database: "",
  tls: "prefer",
  caFile: null,
  unknown: [],
  ...over,
});

Deno.test("parseSqlUrl takes an address apart, whatever its password holds", () => {
  assert.deepEqual(
    parseSqlUrl("postgres://proxy:p%40ss%2Fw%25rd@db:6432/mail"),
    server({
      target: { host: "db", port: 6432 },
      user: "proxy",
      password: "p@ss/w%rd",
      database: "mail",
    } as Partial<SqlAddress>),
  );
  assert.deepEqual(
    parseSqlUrl("mysql://[::1]/mail"),
    server({
      kind: "mysql",
      target: { host: "::1", port: 3306 },
      database: "mail",
    } as Partial<SqlAddress>),
  );
});

Deno.test("parseSqlUrl knows the modes of TLS in the words of both databases", () => {
  for (
    const [words, tls, caFile] of [
      ["sslmode=verify-full&sslrootcert=/ca.pem", "verify-full", "/ca.pem"],
      ["ssl-mode=VERIFY_IDENTITY&ssl-ca=%2Fca.pem", "verify-full", "/ca.pem"],
      ["ssl_mode=required", "require", null],
      ["sslmode=allow", "prefer", null],
      ["sslmode=disable", "disable", null],
    ] as const
  ) {
    assert.deepEqual(
      parseSqlUrl(`postgresql://db?${words}`),
      server({ tls, caFile } as Partial<SqlAddress>),
      words,
    );
  }
});

Deno.test("parseSqlUrl finds UNIX sockets, with a user and without", () => {
  for (const authority of ["", "proxy@", "proxy:secret@"]) {
    const address = parseSqlUrl(
      `postgres://${authority}:5433/mail?host=/run/postgresql`,
    );
    assert.ok(address.kind === "postgres");
    assert.deepEqual(address.target, { path: "/run/postgresql/.s.PGSQL.5433" });
    assert.equal(address.database, "mail");
    assert.equal(address.user, authority === "" ? "" : "proxy");
  }
  const mysql = parseSqlUrl("mysql://proxy@/mail?socket=/run/mysqld.sock");
  assert.ok(mysql.kind === "mysql");
  assert.deepEqual(mysql.target, { path: "/run/mysqld.sock" });
});

Deno.test("parseSqlUrl takes a path for SQLite as it is", () => {
  const sqlite = (over: Partial<SqlAddress>) => ({
    kind: "sqlite",
    path: "/var/lib/routes.db",
    readOnly: false,
    unknown: [],
    ...over,
  });
  assert.deepEqual(parseSqlUrl("sqlite:///var/lib/routes.db"), sqlite({}));
  assert.deepEqual(
    parseSqlUrl("sqlite://data/a%20b%3F.db?mode=ro&cache=shared"),
    sqlite({
      path: "data/a b?.db",
      readOnly: true,
      unknown: ["cache"],
    } as Partial<SqlAddress>),
  );
});

Deno.test("parseSqlUrl says what is wrong without quoting the address", () => {
  for (
    const [url, says] of [
      ["postgres://proxy:hunter2@ho st/mail", /is no address/],
      ["postgres://proxy:hunter2%@db", /two hex digits/],
      ["mysql://proxy:hunter2@db?ssl-mode=maybe", /^ssl-mode is none of/],
      ["sqlite://", /names no file/],
      ["sqlite://:memory:", /names no file/],
      ["sqlite:///routes.db?mode=memory", /neither ro nor rw/],
    ] as const
  ) {
    assert.throws(() => parseSqlUrl(url), (error) => {
      assert.ok(error instanceof SqlUrlFault);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});
