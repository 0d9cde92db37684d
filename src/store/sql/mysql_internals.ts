import { Buffer } from "node:buffer";
import type mysql from "mysql2";

/**
 * What the client library keeps to itself of a connection, for commands that it does not know: they stand in
 * its queue between its own, so that a connection that breaks ends them too.
 */
export interface Internals {
  /** The handshake, until it is done. */
  readonly _command: {
    clientFlags: number;
    mariadbExtendedClientFlags: number;
    handshake: Handshake | null;
    sendSSLRequest(connection: unknown): void;
    sendCredentials(connection: unknown): void;
  };
  readonly _handshakePacket: Handshake | null;
  readonly _mariadbExtendedMetadata: boolean;
  readonly clientEncoding: string;
  _resetSequenceId(): void;
  _bumpSequenceId(packets: number): void;
  write(bytes: Uint8Array): void;
  addCommand(command: Command): void;
}

export interface Handshake {
  readonly mariadbExtendedCapabilityFlags: number;
}

/** What the server sends. */
export interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isError(): boolean;
  asError(encoding: string): Error;
}

/** `execute` is called without a packet to begin, then with what comes, until it answers true. */
export interface Command {
  execute(packet: Packet | undefined, connection: Internals): boolean;
  onResult(error: Error | null): void;
}

export function internalsOf(client: mysql.Connection): Internals {
  return client as unknown as Internals;
}

/** VAR_STRING, which the library sends strings as too. */
const TEXT = 0xfd;

/** Packets of the protocol, one behind the other. */
export class PacketWriter {
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #at = 0;
  #start = 0;

  /** The number of each packet is 0, as of any first one. */
  begin(): void {
    this.#start = this.#at;
    this.int(0, 4);
  }

  end(): void {
    // The length without the header; the octet behind it is the number.
    this.#buffer.writeUIntLE(this.#at - this.#start - 4, this.#start, 3);
  }

  take(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  int(value: number, octets: number): void {
    this.#room(octets);
    this.#at = this.#buffer.writeUIntLE(value, this.#at, octets);
  }

  /** Of so many parameters. */
  textTypes(count: number): void {
    for (let i = 0; i < count; i++) this.int(TEXT, 2);
  }

  /** With its length in front. */
  text(text: string): void {
    const length = Buffer.byteLength(text);
    if (length < 251) this.int(length, 1);
    else {
      const [mark, octets] = length < 0x10000 ? [0xfc, 2] : [0xfd, 3];
      this.int(mark!, 1);
      this.int(length, octets!);
    }
    this.#room(length);
    this.#at += this.#buffer.write(text, this.#at);
  }

  #room(size: number): void {
    if (this.#at + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe((this.#buffer.length + size) * 2);
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
