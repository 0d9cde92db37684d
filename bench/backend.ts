/**
 * The dummy backend: `backend.ts CERT KEY`, each protocol with implicit TLS and
 * without, a WebSocket server with TLS, and the `auth_http` server of nginx's
 * mail module, on free ports of 127.0.0.1, which it prints.
 */
import { ANSWERS, type Answers } from "./backend_commands.ts";
import type { MailProtocol } from "./dialogues.ts";
import { PING, PONG } from "./http_dialogues.ts";
import { acceptWithoutDelay } from "./nodelay.ts";
import type { OwnPorts } from "./subjects.ts";
import { Wire } from "./wire.ts";

type Session = (wire: Wire) => Promise<void>;

const mail = (answers: Answers): Session => async (wire) => {
  await wire.write(answers.greeting);
  for (;;) {
    const line = await wire.readLine();
    if (line === null || !await answers.command(wire, line)) break;
  }
};

/** nginx closes the connection behind the answer, so there is one request on each. */
const authHttp =
  (plain: Record<MailProtocol, number>): Session => async (wire) => {
    let port = plain.imap;
    for (;;) {
      const line = await wire.readLine();
      if (line === null) return;
      if (line === "") break;
      if (line === "Auth-Protocol: pop3") port = plain.pop3;
      if (line === "Auth-Protocol: smtp") port = plain.submission;
    }
    await wire.write(
      "HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: 127.0.0.1\r\n" +
        `Auth-Port: ${port}\r\n\r\n`,
    );
  };

/** RFC 6455 4.2.2; the GUID is that of its section 1.3. */
async function acceptKey(key: string): Promise<string> {
  const text = `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const hash = await crypto.subtle.digest(
    "SHA-1",
    new TextEncoder().encode(text),
  );
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}

/** Answers each ping. */
const websocket: Session = async (wire) => {
  let key = "";
  for (;;) {
    const line = await wire.readLine();
    if (line === null) return;
    if (line === "") break;
    const [, value] = /^sec-websocket-key: *(.*)$/i.exec(line) ?? [];
    if (value !== undefined) key = value;
  }
  await wire.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\nSec-WebSocket-Protocol: jmap\r\n" +
      `Sec-WebSocket-Accept: ${await acceptKey(key)}\r\n\r\n`,
  );
  for (;;) {
    await wire.skip(PING.length);
    await wire.write(PONG);
  }
};

async function serve(session: Session, conn: Deno.Conn): Promise<void> {
  const wire = new Wire(conn);
  try {
    await session(wire);
  } catch {
    // The peer is gone: nothing to tell it.
  } finally {
    wire.close();
  }
}

async function accept(
  session: Session,
  listener: Deno.Listener,
): Promise<void> {
  for (;;) {
    try {
      void serve(session, await listener.accept());
    } catch {
      // A failed accept concerns that connection alone.
    }
  }
}

const [certPath = "", keyPath = ""] = Deno.args;
const here = { hostname: "127.0.0.1", port: 0 };
const identity = {
  cert: await Deno.readTextFile(certPath),
  key: await Deno.readTextFile(keyPath),
};

/** Begins to serve, and says where. */
async function listen(
  session: Session,
  listener: Deno.TcpListener | Deno.TlsListener,
): Promise<number> {
  const { port } = listener.addr;
  await acceptWithoutDelay(port);
  void accept(session, listener);
  return port;
}

async function listenAll(
  tls: boolean,
): Promise<Record<MailProtocol, number>> {
  const open = (protocol: MailProtocol) =>
    listen(
      mail(ANSWERS[protocol]),
      tls ? Deno.listenTls({ ...here, ...identity }) : Deno.listen(here),
    );
  return {
    imap: await open("imap"),
    pop3: await open("pop3"),
    submission: await open("submission"),
  };
}

const plain = await listenAll(false);
const ports: OwnPorts = {
  tls: await listenAll(true),
  plain,
  authHttp: await listen(authHttp(plain), Deno.listen(here)),
  websocket: await listen(websocket, Deno.listenTls({ ...here, ...identity })),
};
console.log(JSON.stringify({ event: "ready", ports }));
