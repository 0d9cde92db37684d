/** A database server with a certificate, and what each `sslmode` makes of it. */
import assert from "node:assert/strict";
import { Authority, type Certificate } from "./certs.ts";
import type { DatabaseServer } from "./database_server.ts";
import { openSqlStore } from "./sql_store.ts";
import type { StorePage } from "./store_page.ts";
import { until } from "./wait.ts";

export interface TlsGround extends AsyncDisposable {
  readonly folder: string;
  readonly authority: Authority;
  readonly stranger: Authority;
  /** For 127.0.0.1, which is where the servers of the tests are. */
  readonly certificate: Certificate;
  /** For another host. */
  readonly misnamed: Certificate;
}

export async function tlsGround(): Promise<TlsGround> {
  const folder = await Deno.makeTempDir({ prefix: "mailferry-tls-" });
  await Deno.mkdir(`${folder}/stranger`);
  const authority = await Authority.create(folder);
  return {
    folder,
    authority,
    stranger: await Authority.create(`${folder}/stranger`),
    certificate: await authority.issue(["127.0.0.1"]),
    misnamed: await authority.issue(["localhost"]),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** The problem of a store with these parameters in its address, or null. */
async function problem(
  server: { url(parameters: string): string },
  { queries }: StorePage,
  parameters: string,
  trustRoots: readonly string[] = [],
): Promise<string | null> {
  await using opened = await openSqlStore({
    url: server.url(parameters),
    queries,
    trustRoots,
  });
  return opened.store.health().problem;
}

const UNVERIFIED = /^not logged in: the server's certificate/;

/** `server` has the certificate for 127.0.0.1, `misnamed` the other one; `sql` makes the table in each. */
export async function assertTlsModes(
  ground: TlsGround,
  page: StorePage,
  server: { url(parameters: string): string },
  misnamed: { url(parameters: string): string },
): Promise<void> {
  const ask = (parameters: string, roots: readonly string[] = []) =>
    problem(server, page, parameters, roots);
  const ours = [ground.authority.pem];
  for (const mode of ["prefer", "require"]) {
    assert.equal(await ask(`?sslmode=${mode}`), null, mode);
  }
  for (const mode of ["verify-ca", "verify-full"]) {
    const parameters = `?sslmode=${mode}`;
    assert.equal(await ask(parameters, ours), null, mode);
    assert.match(await ask(parameters) ?? "", UNVERIFIED, mode);
    const { stranger } = ground;
    assert.match(await ask(parameters, [stranger.pem]) ?? "", UNVERIFIED);
    const file = encodeURIComponent(ground.authority.file);
    assert.equal(await ask(`${parameters}&sslrootcert=${file}`), null, mode);
  }
  assert.equal(await problem(misnamed, page, "?sslmode=verify-ca", ours), null);
  assert.match(
    await problem(misnamed, page, "?sslmode=verify-full", ours) ?? "",
    UNVERIFIED,
  );
}

/** Over TLS too, a server that hangs and one that crashes are noticed, and used again. */
export async function assertTlsRecovery(
  ground: TlsGround,
  { queries }: StorePage,
  database: {
    readonly server: DatabaseServer;
    url(parameters: string): string;
  },
): Promise<void> {
  await using opened = await openSqlStore({
    url: database.url("?sslmode=verify-full"),
    queries,
    trustRoots: [ground.authority.pem],
    timeout: 2000,
  });
  const { store } = opened;
  await store.set("alice@example.com", "new");
  const { server } = database;
  await server.pause();
  await assert.rejects(store.get("alice@example.com"), { code: "unavailable" });
  server.resume();
  await until("the store", () => store.health().serving);
  assert.equal(await store.get("alice@example.com"), "new");
  await server.crash();
  await assert.rejects(store.get("alice@example.com"), { code: "unavailable" });
  await server.resurrect();
  await until("the store", () => store.health().serving);
  assert.equal(await store.get("alice@example.com"), "new");
}

/** A server without TLS is used in clear only where the address leaves it open. */
export async function assertClearModes(
  page: StorePage,
  server: { url(parameters: string): string },
): Promise<void> {
  for (const mode of ["disable", "prefer"]) {
    const found = await problem(server, page, `?sslmode=${mode}`);
    assert.equal(found, null, mode);
  }
  for (const mode of ["require", "verify-full"]) {
    assert.equal(
      await problem(server, page, `?sslmode=${mode}`),
      "not logged in: the server offers no TLS",
      mode,
    );
  }
}
