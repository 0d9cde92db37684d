/**
 * The dummy IMAP backend: `backend.ts CERT KEY`, implicit TLS on a free port
 * of 127.0.0.1, which it prints. After login it knows commands of its own:
 * `SEND n` streams n bytes, `RECV n` takes n bytes, `ECHO` answers at once.
 */
import { acceptWithoutDelay } from "./nodelay.ts";
import { Wire } from "./wire.ts";

const CAPABILITY = "CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN";

/** False when the session is over. */
async function command(wire: Wire, line: string): Promise<boolean> {
  const [tag = "*", verb = "", argument = "", initial] = line.split(" ");
  switch (verb.toUpperCase()) {
    case "CAPABILITY":
      await wire.write(`* ${CAPABILITY}\r\n${tag} OK done\r\n`);
      return true;
    case "ID":
      await wire.write(`* ID NIL\r\n${tag} OK done\r\n`);
      return true;
    case "AUTHENTICATE":
      if (argument.toUpperCase() !== "PLAIN") {
        await wire.write(`${tag} NO mechanism unknown\r\n`);
        return true;
      }
      if (initial === undefined) {
        await wire.write("+ \r\n");
        if (await wire.readLine() === null) return false;
      }
      await wire.write(`${tag} OK [${CAPABILITY}] logged in\r\n`);
      return true;
    case "LOGIN":
      await wire.write(`${tag} OK [${CAPABILITY}] logged in\r\n`);
      return true;
    case "SEND":
      await wire.writeFiller(Number(argument));
      await wire.write(`${tag} OK sent\r\n`);
      return true;
    case "RECV":
      await wire.skip(Number(argument));
      await wire.write(`${tag} OK received\r\n`);
      return true;
    case "ECHO":
    case "NOOP":
      await wire.write(`${tag} OK done\r\n`);
      return true;
    case "LOGOUT":
      await wire.write(`* BYE\r\n${tag} OK bye\r\n`);
      return false;
    default:
      await wire.write(`${tag} BAD unknown command\r\n`);
      return true;
  }
}

async function serve(conn: Deno.TlsConn): Promise<void> {
  const wire = new Wire(conn);
  try {
    await wire.write(`* OK [${CAPABILITY}] ready\r\n`);
    for (;;) {
      const line = await wire.readLine();
      if (line === null || !await command(wire, line)) break;
    }
  } catch {
    // The peer is gone: nothing to tell it.
  } finally {
    wire.close();
  }
}

const [certPath = "", keyPath = ""] = Deno.args;
const listener = Deno.listenTls({
  hostname: "127.0.0.1",
  port: 0,
  cert: await Deno.readTextFile(certPath),
  key: await Deno.readTextFile(keyPath),
});
await acceptWithoutDelay(listener.addr.port);
console.log(JSON.stringify({ event: "ready", port: listener.addr.port }));
for (;;) {
  try {
    void serve(await listener.accept());
  } catch {
    // A failed accept concerns that connection alone.
  }
}
