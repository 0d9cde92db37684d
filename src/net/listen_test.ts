import assert from "node:assert/strict";
import type { Certificate } from "../../tests/support/certs.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { within } from "../../tests/support/wait.ts";
import type { CertificateSnapshot } from "../port/snapshot.ts";
import { close } from "./bridge.ts";
import { libc } from "./libc.ts";
import { type Bound, listenTcp, listenTls } from "./listen.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const ANY = { hostname: "127.0.0.1", port: 0 };

function served({ certPem, keyPem }: Certificate): CertificateSnapshot {
  return { certPem, keyPem, names: [], isDefault: true };
}

/** Accepts everything, greets, and closes at the end. */
class Greeter implements Disposable {
  readonly connections: Deno.Conn[] = [];
  readonly accept = (connection: Deno.Conn) => {
    this.connections.push(connection);
    void connection.write(new TextEncoder().encode("hi")).catch(() => {});
  };
  [Symbol.dispose](): void {
    this.connections.forEach(close);
  }
}

/** Whether a client that asks for `serverName` is shown a certificate of that name. */
async function greeted(
  bound: Bound,
  serverName: string,
  ca: string,
): Promise<boolean> {
  const conn = await Deno.connect({ ...bound.address });
  const secured = await Deno.startTls(conn, {
    hostname: serverName,
    caCerts: [ca],
  });
  try {
    const count = await within("greeting", secured.read(new Uint8Array(2)));
    return count === 2;
  } catch (error) {
    if (/certificate/.test((error as Error).message)) return false;
    throw error;
  } finally {
    secured.close();
  }
}

Deno.test("listenTcp accepts until it is closed, and connections go on", async () => {
  using greeter = new Greeter();
  const bound = listenTcp(ANY, true, greeter.accept);
  const clients = [];
  for (let i = 0; i < 3; i++) {
    clients.push(await Deno.connect({ ...bound.address }));
  }
  const into = new Uint8Array(2);
  for (const client of clients) {
    assert.equal(await within("greeting", client.read(into)), 2);
  }
  bound.close();
  bound.close();
  await greeter.connections[0]!.write(into);
  const read = await within("later", clients[0]!.read(into));
  assert.equal(read, 2);
  clients.forEach(close);
});

Deno.test("listenTls shows its certificate to everybody", async () => {
  await using ground = await Ground.create();
  const only = await ground.authority.issue(["only.test"]);
  using greeter = new Greeter();
  const bound = listenTls(ANY, true, served(only), greeter.accept);
  assert.equal(await greeted(bound, "only.test", ground.authority.pem), true);
  assert.equal(await greeted(bound, "x.test", ground.authority.pem), false);
  bound.close();
});

Deno.test("listenTls throws what the bind or the certificate throws", async () => {
  await using ground = await Ground.create();
  using other = Deno.listen(ANY);
  const certificate = served(ground.certificate);
  const taken = { ...ANY, port: other.addr.port };
  assert.throws(
    () => listenTls(taken, true, certificate, () => {}),
    Deno.errors.AddrInUse,
  );
  assert.throws(() =>
    listenTls(ANY, true, { ...certificate, certPem: "", keyPem: "" }, () => {})
  );
});
