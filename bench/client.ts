/** The IMAP client of the load generator. */
import { Wire } from "./wire.ts";

/** Where to connect, and how TLS begins. */
export interface Target {
  port: number;
  tls: "implicit" | "starttls";
  /** Name for SNI and verification. */
  name: string;
  /** PEM text of the authority that signed the server's certificate. */
  ca: string;
}

/** A TCP connection on which TLS may begin. */
export async function connectPlain(target: Target): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: target.port });
  conn.setNoDelay(true);
  if (target.tls === "implicit") return conn;
  const wire = new Wire(conn);
  try {
    await expectGreeting(wire);
    await transact(wire, "s STARTTLS");
  } catch (error) {
    wire.close();
    throw error;
  }
  return conn;
}

/** TLS with the name of `target`; the handshake is complete on return. */
export async function connectTls(
  target: Target,
  verifyName = true,
): Promise<Deno.TlsConn> {
  const plain = await connectPlain(target);
  const conn = await Deno.startTls(plain, {
    hostname: target.name,
    caCerts: [target.ca],
    unsafelyDisableHostnameVerification: !verifyName,
  });
  try {
    await conn.handshake();
    return conn;
  } catch (error) {
    conn.close();
    throw error;
  }
}

export async function expectGreeting(wire: Wire): Promise<void> {
  const line = await wire.readLine();
  if (!line?.startsWith("* OK")) throw new Error(`greeting: ${line}`);
}

/** Sends a command with its tag and waits for the tagged OK. */
export async function transact(wire: Wire, command: string): Promise<void> {
  const tag = command.slice(0, command.indexOf(" ") + 1);
  await wire.write(`${command}\r\n`);
  for (;;) {
    const line = await wire.readLine();
    if (line === null) throw new Error(`${tag}: end of stream`);
    if (!line.startsWith(tag)) continue;
    if (line.startsWith(`${tag}OK`)) return;
    throw new Error(line);
  }
}

/** Everything from the SYN to the tagged OK of the login. */
export async function login(target: Target, user: string): Promise<Wire> {
  const wire = new Wire(await connectTls(target));
  try {
    if (target.tls === "implicit") await expectGreeting(wire);
    const plain = btoa(`\0${user}\0secret`);
    await transact(wire, `a AUTHENTICATE PLAIN ${plain}`);
    return wire;
  } catch (error) {
    wire.close();
    throw error;
  }
}
