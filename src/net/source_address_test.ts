import assert from "node:assert/strict";
import { connect } from "node:net";
import { sourceAddressWorks } from "./source_address.ts";

Deno.test("sourceAddressWorks says what a connection made from 127.0.0.3 shows", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = connect({
    host: "127.0.0.1",
    port: listener.addr.port,
    localAddress: "127.0.0.3",
  });
  const closed = new Promise((done) => client.once("close", done));
  const seen = await listener.accept();
  const honoured = seen.remoteAddr.hostname === "127.0.0.3";
  seen.close();
  client.destroy();
  await closed;
  assert.equal(await sourceAddressWorks(), honoured);
});
