/** A TLS client whose hello goes out in pieces, as slow networks and odd clients send it. */
import { bridge, close } from "../../src/net/bridge.ts";
import { writeAll } from "../../src/net/byte_stream.ts";
import { LineReader } from "../../src/net/line_reader.ts";
import { loopbackPair } from "../../src/net/loopback.ts";
import { until, within } from "./wait.ts";

/** What is sent in one go; the next piece follows when it was read. */
export type Cut = (hello: Uint8Array) => Uint8Array[];

/** These bytes, cut at these places. */
function piecesOf(bytes: Uint8Array, at: readonly number[]) {
  const starts = [0, ...at.filter((place) => place < bytes.length)];
  return starts.map((start, i) => bytes.subarray(start, starts[i + 1]));
}

/** A handshake record with this in it. */
export function recordOf(fragment: Uint8Array): Uint8Array {
  const record = new Uint8Array(5 + fragment.length);
  record.set([0x16, 3, 1, fragment.length >> 8, fragment.length & 255]);
  record.set(fragment, 5);
  return record;
}

/** The message of a record in several, cut at these places of the message. */
export function recordsOf(record: Uint8Array, at: readonly number[]) {
  const records = piecesOf(record.subarray(5), at).map(recordOf);
  return Uint8Array.from(records.flatMap((one) => [...one]));
}

/** Every `step` bytes of so many. */
function every(step: number, bytes: Uint8Array): number[] {
  const count = Math.ceil(bytes.length / step) - 1;
  return Array.from({ length: count }, (_, i) => (i + 1) * step);
}

/** The ways in which a hello is sent that a server has to bear. */
export const CUTS: Readonly<Record<string, Cut>> = {
  "in one piece": (hello) => [hello],
  "byte by byte at first": (hello) => piecesOf(hello, [1, 2, 3, 4, 5, 6, 9]),
  "its header first": (hello) => piecesOf(hello, [5]),
  "in halves": (hello) => piecesOf(hello, [hello.length >> 1]),
  "in segments of a usual network": (hello) =>
    piecesOf(hello, every(1448, hello)),
  "in two records at once": (hello) => [recordsOf(hello, [100])],
  "in two records, one after the other": (hello) => {
    const records = recordsOf(hello, [100]);
    return piecesOf(records, [105]);
  },
  "in records of one byte": (hello) => {
    const records = recordsOf(hello, every(1, hello.subarray(5)));
    return piecesOf(records, every(records.length >> 3, records));
  },
  "in records that are cut anywhere": (hello) => {
    const records = recordsOf(hello, [1, 50, 200]);
    return piecesOf(records, [3, 6, 8, 60, 61, 150]);
  },
};

/** Names that nobody knows, which make a hello about so many bytes longer. */
export function longer(bytes: number): string[] {
  const name = "x".repeat(249);
  return Array.from(
    { length: Math.ceil(bytes / 255) },
    (_, i) => `${name}${i.toString().padStart(5, "0")}`,
  );
}

/** A client's end of TLS; closed, it closes the connection below too. */
export interface PiecedTls extends AsyncDisposable {
  readonly conn: Deno.TlsConn;
}

/**
 * Shake hands over a connection, with a hello that goes out as `cut` says. Rejects when the handshake fails,
 * and has closed the connection then.
 */
export async function startTlsInPieces(
  outer: Deno.TcpConn,
  cut: Cut,
  options: Deno.StartTlsOptions,
): Promise<PiecedTls> {
  const [near, far] = await loopbackPair();
  const conn = await Deno.startTls(near, options);
  const carried = carry(outer, far, cut);
  const end = async () => {
    for (const each of [conn, outer]) close(each);
    await carried;
  };
  try {
    await within("the handshake", conn.handshake());
  } catch (error) {
    await end();
    throw error;
  }
  return { conn, [Symbol.asyncDispose]: end };
}

/** Resolves when both are closed. */
async function carry(
  outer: Deno.TcpConn,
  far: Deno.TcpConn,
  cut: Cut,
): Promise<void> {
  const reader = new LineReader(far);
  try {
    const head = (await reader.readBytes(5))!;
    const body = (await reader.readBytes(head[3]! * 256 + head[4]!))!;
    for (const piece of cut(Uint8Array.from([...head, ...body]))) {
      await writeAll(outer, piece);
      await until("a piece that is read", () => wasRead(outer));
    }
  } catch {
    // The handshake was broken off.
    for (const each of [outer, far]) close(each);
  }
  const flow = { forward: 0, backward: 0, active: false };
  const taken = reader.handOver();
  await bridge({ stream: far, taken }, { stream: outer }, flow);
}

/** Has the peer, on this host and IPv4, read all that was sent to it? */
function wasRead(connection: Deno.TcpConn): boolean {
  const near = `0100007F:${hexPort(connection.localAddr)}`;
  const peer = `0100007F:${hexPort(connection.remoteAddr)}`;
  const sockets = Deno.readTextFileSync("/proc/net/tcp");
  const queues = (ends: string) => {
    const at = sockets.indexOf(ends);
    return at < 0 ? [] : sockets.slice(at + ends.length).split(/[ :]/, 4);
  };
  // Behind the addresses come the state, what waits to be sent and what waits to be read.
  const [, , sent] = queues(`${near} ${peer}`);
  const [, , , received] = queues(`${peer} ${near}`);
  return [sent, received].every((queue) => /^0*$/.test(queue ?? ""));
}

function hexPort(address: Deno.Addr): string {
  const { port } = address as Deno.NetAddr;
  return port.toString(16).toUpperCase().padStart(4, "0");
}
