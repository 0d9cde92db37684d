import assert from "node:assert/strict";
import { Authority } from "../../tests/support/certs.ts";
import { until, within } from "../../tests/support/wait.ts";
import { libc } from "../net/libc.ts";
import { HttpsServer } from "./https.ts";

// Loaded once for the process; a test must not be blamed for it.
libc();

for (const http2 of [true, false]) {
  Deno.test(`HttpsServer.replace loses no request that comes meanwhile, by HTTP/${http2 ? 2 : 1.1}`, async () => {
    const folder = await Deno.makeTempDir();
    const first = await Authority.create(folder);
    const [before, between] = await Promise.all(
      ["a", "b"].map((file) => first.issue(["127.0.0.1"], { file })),
    );
    const last = await Authority.create(folder);
    const after = await last.issue(["127.0.0.1"], { file: "c" });
    const server = new HttpsServer(
      { hostname: "127.0.0.1", port: 0 },
      before!,
      async (request) => new Response(await request.text()),
      () => new Response(null, { status: 500 }),
    );
    const url = `https://127.0.0.1:${server.address.port}/`;
    using client = Deno.createHttpClient({
      caCerts: [first.pem, last.pem],
      // A connection of its own for each request.
      poolMaxIdlePerHost: 0,
      http2,
      http1: !http2,
    });
    let answered = 0;
    let stopped = false;
    const asking = Array.from({ length: 4 }, async () => {
      while (!stopped) {
        const response = await fetch(url, {
          client,
          method: "POST",
          body: "x",
        });
        assert.equal(await response.text(), "x");
        answered++;
      }
    });
    // The second comes while the first is under way, and is shown when that is done.
    server.replace(between!);
    server.replace(after);
    const { hostname, port } = server.address;
    await until("the last certificate", async () => {
      const raw = await Deno.connect({ hostname, port });
      using secured = await Deno.startTls(raw, {
        hostname,
        caCerts: [last.pem],
      });
      return await secured.handshake().then(() => true, () => false);
    });
    await Promise.race([...asking, server.replaced()]);
    assert.ok(answered > 0);
    stopped = true;
    await within("the last answers", Promise.all(asking));
    await within("the end", server.close());
    await Deno.remove(folder, { recursive: true });
  });
}
