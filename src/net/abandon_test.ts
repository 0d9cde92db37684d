import assert from "node:assert/strict";
import { Ground } from "../../tests/support/proxy_config.ts";
import { within } from "../../tests/support/wait.ts";
import { abandon } from "./abandon.ts";
import { libc } from "./libc.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

const HALF_A_HELLO = Uint8Array.fromHex("1603010200010001fc0303");

for (const hostname of ["127.0.0.1", "::1", "::"]) {
  Deno.test(`abandon closes connections to ${hostname} that are silent in their handshake`, async () => {
    await using ground = await Ground.create();
    const { certPem: cert, keyPem: key } = ground.certificate;
    using listener = Deno.listenTls({ hostname, port: 0, cert, key });
    const { port } = listener.addr;
    // An IPv4 client of a [::] socket has a mapped address.
    const target = hostname === "::" ? "127.0.0.1" : hostname;
    const clients = [];
    for (const hello of [new Uint8Array(0), HALF_A_HELLO]) {
      const client = await Deno.connect({ hostname: target, port });
      clients.push(client);
      await client.write(hello);
      const served = await listener.accept();
      const shaken = served.handshake().then(() => "done", () => "failed");
      abandon(served);
      assert.equal(await within("handshake", shaken), "failed");
      const end = client.read(new Uint8Array(64)).catch(() => null);
      assert.equal(await within("end of stream", end), null);
    }
    for (const client of clients) client.close();
  });
}

Deno.test("abandon leaves other connections alone", async () => {
  await using ground = await Ground.create();
  const { certPem: cert, keyPem: key } = ground.certificate;
  using listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert,
    key,
  });
  const { port } = listener.addr;
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
  using kept = await connect();
  using keptServed = await listener.accept();
  using gone = await connect();
  abandon(await listener.accept());
  assert.equal(await within("end", gone.read(new Uint8Array(1))), null);
  const greeting = keptServed.write(new TextEncoder().encode("hello"));
  using secured = await Deno.startTls(kept, {
    hostname: "localhost",
    caCerts: [ground.authority.pem],
  });
  const into = new Uint8Array(16);
  assert.equal(await within("read", secured.read(into)), 5);
  await greeting;
});
