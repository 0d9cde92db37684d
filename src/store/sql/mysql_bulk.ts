import type mysql from "mysql2";
import type { SqlParameter } from "./connection.ts";
import {
  type Command,
  type Handshake,
  type Internals,
  internalsOf,
  type Packet,
  PacketWriter,
} from "./mysql_internals.ts";

/**
 * MariaDB runs a prepared statement for many rows of values that come in one packet,
 * https://mariadb.com/kb/en/com_stmt_bulk_execute/. MySQL has nothing like it.
 */
const BULK_EXECUTE = 0xfa;

/** The types of the parameters follow. */
const SEND_TYPES = 128;

/** MARIADB_CLIENT_STMT_BULK_OPERATIONS, of the extended capabilities. */
const BULK_OPERATIONS = 4;

/** LONG_PASSWORD, which a client leaves out to speak of extended capabilities. */
const LONG_PASSWORD = 1;

/** About so many octets of values come in one packet: servers take a megabyte at least. */
const MOST_OCTETS = 256 * 1024;

/** ER_UNSUPPORTED_PS: the server does not take this statement so. Nothing was done. */
export const NOT_IN_BULK = 1295;

/** Before the handshake: the server is asked for it where it offers it. */
export function askForBulk(client: mysql.Connection): void {
  const { _command: command } = internalsOf(client);
  const { sendSSLRequest, sendCredentials } = command;
  const ask = () => {
    if (!hasBulk(command.handshake)) return;
    command.clientFlags &= ~LONG_PASSWORD;
    command.mariadbExtendedClientFlags |= BULK_OPERATIONS;
  };
  command.sendSSLRequest = (connection) => {
    ask();
    sendSSLRequest.call(command, connection);
  };
  command.sendCredentials = (connection) => {
    ask();
    sendCredentials.call(command, connection);
  };
}

/** Behind the handshake: whether the server takes it. */
export function takesBulk(client: mysql.Connection): boolean {
  return hasBulk(internalsOf(client)._handshakePacket);
}

function hasBulk(handshake: Handshake | null): boolean {
  const offered = handshake?.mariadbExtendedCapabilityFlags ?? 0;
  return (offered & BULK_OPERATIONS) !== 0;
}

/** Statements in portions that one packet has room for. */
export function* bulkPortions<
  T extends { readonly parameters: readonly SqlParameter[] },
>(statements: readonly T[]): Generator<T[]> {
  let portion: T[] = [];
  let octets = 0;
  for (const statement of statements) {
    portion.push(statement);
    for (const value of statement.parameters) {
      octets += String(value).length * 3;
    }
    if (octets < MOST_OCTETS) continue;
    yield portion;
    portion = [];
    octets = 0;
  }
  if (portion.length > 0) yield portion;
}

/** Runs the prepared statement `id` for all of these; what was done before a failure is not undone. */
export class BulkExecute implements Command {
  constructor(
    private readonly id: number,
    private readonly rows: readonly (readonly SqlParameter[])[],
    readonly onResult: (error: Error | null) => void,
  ) {}

  execute(answer: Packet | undefined, connection: Internals): boolean {
    if (answer === undefined) {
      connection._resetSequenceId();
      connection.write(this.#packet());
      connection._bumpSequenceId(1);
      return false;
    }
    this.onResult(
      answer.isError() ? answer.asError(connection.clientEncoding) : null,
    );
    return true;
  }

  #packet(): Uint8Array {
    const out = new PacketWriter();
    out.begin();
    out.int(BULK_EXECUTE, 1);
    out.int(this.id, 4);
    out.int(SEND_TYPES, 2);
    out.textTypes(this.rows[0]?.length ?? 0);
    for (const value of this.rows.flat()) {
      // A value stands here, and no word for one.
      out.int(0, 1);
      out.text(String(value));
    }
    out.end();
    return out.take();
  }
}
