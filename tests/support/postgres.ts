/** A private PostgreSQL with one user and one database. */
import {
  DatabaseServer,
  run,
  type ServerKind,
  type ServerOptions,
  succeeds,
} from "./database_server.ts";

/** The user whom the proxy logs in as. */
export const DATABASE_USER = "proxy";
export const DATABASE_PASSWORD = "p@ss/word#1";
export const DATABASE = "mail";

/** Where Debian keeps the programs of a server; null where there is none. */
export function postgresPrograms(): string | null {
  const base = "/usr/lib/postgresql";
  try {
    const versions = [...Deno.readDirSync(base)].map(({ name }) => name);
    const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
    return newest === undefined ? null : `${base}/${newest}/bin`;
  } catch {
    return null;
  }
}

const program = (name: string) => `${postgresPrograms()}/${name}`;

const KIND: ServerKind = {
  name: "postgresql",
  user: "postgres",
  initialize: (data) => [
    program("initdb"),
    ...["-D", data, "-U", "postgres", "--no-sync", "--encoding=UTF8"],
    ...["--auth-local=trust", "--auth-host=scram-sha-256"],
  ],
  command: ({ data, folder, port, tls }) => [
    program("postgres"),
    ...["-D", data, "-k", folder, "-p", String(port)],
    ...["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=40"],
    ...tls
      ? ["ssl=on", `ssl_cert_file=${folder}/cert.pem`].flatMap(setting)
      : [],
    ...tls ? setting(`ssl_key_file=${folder}/key.pem`) : [],
  ],
  // What a crash of one backend makes the server do; its children end with it, as they would not with SIGKILL.
  crash: "SIGQUIT",
  stop: "SIGINT",
  answers: (server) =>
    succeeds([
      ...["psql", "-h", server.folder, "-p", String(server.port)],
      ...["-U", "postgres", "-c", "SELECT 1"],
    ]),
};

function setting(text: string): string[] {
  return ["-c", text];
}

export class Postgres implements AsyncDisposable {
  private constructor(readonly server: DatabaseServer) {}

  static async start(options: ServerOptions = {}): Promise<Postgres> {
    const postgres = new Postgres(await DatabaseServer.start(KIND, options));
    await postgres.superuser(
      `CREATE ROLE ${DATABASE_USER} LOGIN PASSWORD '${DATABASE_PASSWORD}';
       CREATE DATABASE ${DATABASE} OWNER ${DATABASE_USER};`,
    );
    return postgres;
  }

  /** The address for `[mapping.sql] url`. */
  url(parameters = "", password = DATABASE_PASSWORD): string {
    return `postgres://${DATABASE_USER}:${encodeURIComponent(password)}` +
      `@127.0.0.1:${this.server.port}/${DATABASE}${parameters}`;
  }

  /** Run statements as the proxy's user, so that what they make is its own. */
  sql(statements: string): Promise<string> {
    return this.superuser(`SET ROLE ${DATABASE_USER};${statements}`, DATABASE);
  }

  superuser(statements: string, database = "postgres"): Promise<string> {
    const { folder, port } = this.server;
    return run([
      ...["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
      ...["-h", folder, "-p", String(port), "-U", "postgres", "-d", database],
    ], statements);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}
