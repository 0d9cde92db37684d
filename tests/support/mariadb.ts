/** A private MariaDB with one user and one database. */
import {
  DatabaseServer,
  run,
  type ServerKind,
  type ServerOptions,
  succeeds,
} from "./database_server.ts";
import { DATABASE, DATABASE_PASSWORD, DATABASE_USER } from "./postgres.ts";

const socketOf = (server: DatabaseServer) => `${server.folder}/socket`;

const client = (server: DatabaseServer) => [
  ...["mariadb", "--no-defaults", "--default-character-set=utf8mb4"],
  ...["-S", socketOf(server), "-u", "root", "-N", "-B"],
];

const KIND: ServerKind = {
  name: "mariadb",
  user: "mysql",
  initialize: (data) => [
    ...["mariadb-install-db", "--no-defaults", `--datadir=${data}`],
    ...["--auth-root-authentication-method=normal", "--skip-test-db"],
  ],
  command: (server) => [
    ...["mariadbd", "--no-defaults", `--datadir=${server.data}`],
    ...[`--socket=${socketOf(server)}`, `--port=${server.port}`],
    ...["--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M"],
    ...server.tls
      ? [
        `--ssl-cert=${server.folder}/cert.pem`,
        `--ssl-key=${server.folder}/key.pem`,
      ]
      : [],
  ],
  crash: "SIGKILL",
  stop: "SIGTERM",
  answers: (server) => succeeds([...client(server), "-e", "SELECT 1"]),
};

export class MariaDb implements AsyncDisposable {
  private constructor(readonly server: DatabaseServer) {}

  static async start(options: ServerOptions = {}): Promise<MariaDb> {
    const mariadb = new MariaDb(await DatabaseServer.start(KIND, options));
    const user = `'${DATABASE_USER}'@'%'`;
    await mariadb.#admin(
      `CREATE DATABASE ${DATABASE};
       CREATE USER ${user} IDENTIFIED BY '${DATABASE_PASSWORD}';
       GRANT ALL ON ${DATABASE}.* TO ${user};`,
    );
    return mariadb;
  }

  /** The address for `[mapping.sql] url`. */
  url(parameters = "", password = DATABASE_PASSWORD): string {
    return `mysql://${DATABASE_USER}:${encodeURIComponent(password)}` +
      `@127.0.0.1:${this.server.port}/${DATABASE}${parameters}`;
  }

  get socket(): string {
    return socketOf(this.server);
  }

  sql(statements: string): Promise<string> {
    return this.#admin(`USE ${DATABASE};${statements}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }

  #admin(statements: string): Promise<string> {
    return run(client(this.server), statements);
  }
}
