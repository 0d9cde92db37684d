/** Connections of the load generator, up to the login. */
import { DIALOGUES, type Protocol } from "./dialogues.ts";
import { Wire } from "./wire.ts";

/** Where to connect, what is spoken there, and how TLS begins. */
export interface Target {
  port: number;
  protocol: Protocol;
  tls: "implicit" | "starttls" | "plain";
  /** Name for SNI and verification. */
  name: string;
  /** PEM text of the authority that signed the server's certificate. */
  ca: string;
  /** A PROXY header before everything else, as of a load balancer. */
  proxyHeader: boolean;
}

/**
 * PROXY protocol v2, section 2.2 of its specification: PROXY over TCP/IPv4, from 192.0.2.1:50000 to
 * 192.0.2.2:993.
 */
// deno-fmt-ignore
const PROXY_HEADER = new Uint8Array([
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
  0x21, 0x11, 0, 12,
  192, 0, 2, 1, 192, 0, 2, 2, 0xc3, 0x50, 0x03, 0xe1,
]);

/** A TCP connection on which TLS may begin. */
export async function connectPlain(target: Target): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: target.port });
  conn.setNoDelay(true);
  const wire = new Wire(conn);
  try {
    if (target.proxyHeader) await wire.write(PROXY_HEADER);
    if (target.tls !== "starttls") return conn;
    const dialogue = DIALOGUES[target.protocol];
    await dialogue.greeting(wire);
    await dialogue.startTls(wire);
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

/** The greeting, unless STARTTLS has had it before. */
export async function expectGreeting(
  target: Target,
  wire: Wire,
): Promise<void> {
  if (target.tls === "starttls") return;
  await DIALOGUES[target.protocol].greeting(wire);
}

/** TLS where the target has it, but no greeting yet. */
export async function connect(target: Target): Promise<Wire> {
  return new Wire(
    target.tls === "plain"
      ? await connectPlain(target)
      : await connectTls(target),
  );
}

/** Everything from the SYN to the OK of the login. */
export async function login(target: Target, user: string): Promise<Wire> {
  const wire = await connect(target);
  try {
    await expectGreeting(target, wire);
    await DIALOGUES[target.protocol].login(wire, user);
    return wire;
  } catch (error) {
    wire.close();
    throw error;
  }
}
