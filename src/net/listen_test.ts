import assert from "node:assert/strict";
import type { Certificate } from "../../tests/support/certs.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { until, within } from "../../tests/support/wait.ts";
import type { CertificateSnapshot } from "../port/snapshot.ts";
import { close } from "./bridge.ts";
import { libc } from "./libc.ts";
import { type Bound, listenTcp, listenTls } from "./listen.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const ANY = { hostname: "127.0.0.1", port: 0 };

function served(
  { certPem, keyPem }: Certificate,
  names: string[],
  isDefault = false,
): CertificateSnapshot {
  return { certPem, keyPem, names, isDefault };
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

Deno.test("listenTls shows the certificate of the name that is asked for", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const [a, b] = [
    await authority.issue(["a.test"]),
    await authority.issue(["b.test"]),
  ];
  using greeter = new Greeter();
  const bound = listenTls(
    ANY,
    true,
    [served(a, ["a.test"]), served(b, ["b.test"], true)],
    greeter.accept,
  );
  assert.equal(await greeted(bound, "a.test", authority.pem), true);
  assert.equal(await greeted(bound, "b.test", authority.pem), true);
  assert.equal(await greeted(bound, "c.test", authority.pem), false);
  bound.close();
});

Deno.test("listenTls shows a single certificate to everybody", async () => {
  await using ground = await Ground.create();
  const only = await ground.authority.issue(["only.test"]);
  using greeter = new Greeter();
  const bound = listenTls(
    ANY,
    true,
    [served(only, ["x.test"])],
    greeter.accept,
  );
  assert.equal(await greeted(bound, "only.test", ground.authority.pem), true);
  bound.close();
});

Deno.test("listenTls throws what the bind or the certificate throws", async () => {
  await using ground = await Ground.create();
  using other = Deno.listen(ANY);
  const certificates = [served(ground.certificate, ["a"], true)];
  assert.throws(
    () =>
      listenTls(
        { ...ANY, port: other.addr.port },
        true,
        certificates,
        () => {},
      ),
    Deno.errors.AddrInUse,
  );
  assert.throws(() => listenTls(ANY, true, [], () => {}));
  assert.throws(() =>
    listenTls(
      ANY,
      true,
      [{ certPem: "", keyPem: "", names: [], isDefault: true }],
      () => {},
    )
  );
});

Deno.test("listenTls goes on with a fresh listener after thousands of names", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const a = await authority.issue(["a.test"]);
  const certificates = [served(a, ["a.test"], true), served(a, ["b.test"])];
  const symbol = Symbol.for("unstableSniResolver");
  type Resolver = (name: string) => Promise<unknown>;
  const resolvers: Resolver[] = [];
  const listen = Deno.listenTls;
  Deno.listenTls = ((options: object) => {
    resolvers.push((options as Record<symbol, Resolver>)[symbol]!);
    return listen(options as never);
  }) as typeof Deno.listenTls;
  using greeter = new Greeter();
  try {
    const bound = listenTls(ANY, true, certificates, greeter.accept);
    const ask = async (resolver: Resolver) => {
      for (let i = 0; i < 4096; i++) await resolver(`${i}.test`);
    };
    // What waits in the closed listener's queue at that instant is reset by the kernel.
    const greets = () =>
      until(
        "greeting",
        () => greeted(bound, "a.test", authority.pem).catch(() => false),
      );
    await ask(resolvers[0]!);
    await until("renewed", () => resolvers.length === 2);
    await greets();
    await ask(resolvers[1]!);
    await until("renewed again", () => resolvers.length === 3);
    await greets();
    bound.close();
    // Handshakes that are still under way ask a resolver whose listener is gone.
    await ask(resolvers[2]!);
    assert.equal(resolvers.length, 3);
    await until("port free", () => {
      try {
        listen({
          ...bound.address,
          cert: a.certPem,
          key: a.keyPem,
        }).close();
        return true;
      } catch {
        return false;
      }
    });
  } finally {
    Deno.listenTls = listen;
  }
});
