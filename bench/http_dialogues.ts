/** HTTP and WebSocket as dialogues: a login is the first request of a connection. */
import type { Dialogue } from "./dialogues.ts";
import type { Wire } from "./wire.ts";

const HOST = "proxy.bench.test";

/** The last chunk and the empty trailer section (RFC 9112 7.1). */
const LAST_CHUNK = new TextEncoder().encode("\r\n0\r\n\r\n");

export const authorization = (user: string) =>
  `Basic ${btoa(`${user}:secret`)}`;

/** Sends a head without a body; fields of the answer by lower-case name. */
async function request(
  wire: Wire,
  head: string,
  status: number,
): Promise<Map<string, string>> {
  await wire.write(`${head}\r\nHost: ${HOST}\r\n\r\n`);
  const first = await wire.readLine();
  if (!first?.startsWith(`HTTP/1.1 ${status}`)) {
    throw new Error(`not ${status}: ${first}`);
  }
  const fields = new Map<string, string>();
  for (;;) {
    const line = await wire.readLine();
    if (line === null) throw new Error("end of stream in a head");
    if (line === "") return fields;
    const colon = line.indexOf(":");
    fields.set(
      line.slice(0, colon).toLowerCase(),
      line.slice(colon + 1).trim(),
    );
  }
}

const get = (path: string, user: string) =>
  `GET ${path} HTTP/1.1\r\nAuthorization: ${authorization(user)}`;

/** Everybody downloads the same file, whose size the backend knows. */
const DOWNLOADER = "user0@example.com";

const noTls = () => Promise.reject(new Error("no STARTTLS in HTTP"));
const nothing = () => Promise.resolve();

async function first(wire: Wire, user: string): Promise<void> {
  const fields = await request(wire, get("/jmap/session", user), 200);
  await wire.skip(Number(fields.get("content-length")));
}

export const HTTP: Dialogue = {
  greeting: nothing,
  startTls: noTls,
  login: first,
  logout: nothing,
  noop: (wire) => first(wire, DOWNLOADER),
  transfers: {
    down: async (wire, bytes) => {
      const head = get(`/jmap/download/${bytes}`, DOWNLOADER);
      const fields = await request(wire, head, 200);
      if (fields.get("content-length") !== `${bytes}`) {
        throw new Error(`length is ${fields.get("content-length")}`);
      }
      await wire.skip(bytes);
    },
  },
};

export const CHUNKED: Dialogue = {
  ...HTTP,
  transfers: {
    down: async (wire, bytes) => {
      const head = get(`/jmap/chunked/${bytes}`, DOWNLOADER);
      const fields = await request(wire, head, 200);
      if (fields.get("transfer-encoding") !== "chunked") {
        throw new Error("not chunked");
      }
      await wire.skipMessage(LAST_CHUNK);
    },
  },
};

/** An empty ping, masked as a client's (RFC 6455 5.2), and the pong for it. */
export const PING = new Uint8Array([0x89, 0x80, 0, 0, 0, 0]);
export const PONG = new Uint8Array([0x8a, 0]);

export const WEBSOCKET: Dialogue = {
  greeting: nothing,
  startTls: noTls,
  login: async (wire, user) => {
    const head = `${get("/jmap/ws", user)}\r\n` +
      "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: jmap\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    await request(wire, head, 101);
  },
  logout: nothing,
  noop: async (wire) => {
    await wire.write(PING);
    await wire.skip(PONG.length);
  },
  transfers: {},
};
