import assert from "node:assert/strict";
import {
  readProxyHeader,
  TLV_SSL,
  TLV_UNIQUE_ID,
} from "../../tests/support/proxy_header.ts";
import { Wire } from "../../tests/support/wire.ts";
import { encodeProxyV2, type ProxiedConnection } from "./proxy_v2.ts";

function connection(
  client: string,
  local: string,
  more: Partial<ProxiedConnection> = {},
): ProxiedConnection {
  return {
    client: { hostname: client, port: 56324 },
    local: { hostname: local, port: 443 },
    uniqueId: "abc",
    secure: false,
    ...more,
  };
}

const SIGNATURE = "0d0a0d0a000d0a515549540a";

Deno.test("encodeProxyV2 gives the bytes of the specification", () => {
  assert.equal(
    encodeProxyV2(connection("192.168.0.1", "192.168.0.11")).toHex(),
    SIGNATURE +
      // PROXY, TCP over IPv4, 12 bytes of addresses and the UNIQUE_ID field
      "2111" + "0012" + "c0a80001" + "c0a8000b" + "dc04" + "01bb" +
      "050003" + "616263",
  );
  assert.equal(
    encodeProxyV2(connection("2001:db8::1", "2001:db8::2", { secure: true }))
      .toHex(),
    SIGNATURE + "2121" + "0032" +
      "20010db8000000000000000000000001" +
      "20010db8000000000000000000000002" + "dc04" + "01bb" +
      "050003" + "616263" +
      // PP2_TYPE_SSL: PP2_CLIENT_SSL alone, no certificate was verified
      "200005" + "01" + "00000001",
  );
  assert.equal(encodeProxyV2(null).toHex(), SIGNATURE + "20000000");
});

Deno.test("encodeProxyV2 reads back as it was meant, whatever the families", async () => {
  const cases: [string, string, string, string][] = [
    ["192.0.2.1", "198.51.100.1", "192.0.2.1:56324", "198.51.100.1:443"],
    [
      "::ffff:192.0.2.1",
      "::ffff:198.51.100.1",
      "192.0.2.1:56324",
      "198.51.100.1:443",
    ],
    ["::ffff:192.0.2.1", "198.51.100.1", "192.0.2.1:56324", "198.51.100.1:443"],
    [
      "2001:db8::1",
      "::1",
      "[2001:db8:0:0:0:0:0:1]:56324",
      "[0:0:0:0:0:0:0:1]:443",
    ],
    [
      "2001:db8::1",
      "198.51.100.1",
      "[2001:db8:0:0:0:0:0:1]:56324",
      "[0:0:0:0:0:ffff:c633:6401]:443",
    ],
    [
      "192.0.2.1",
      "::1",
      "[0:0:0:0:0:ffff:c000:201]:56324",
      "[0:0:0:0:0:0:0:1]:443",
    ],
  ];
  for (const [client, local, source, destination] of cases) {
    for (const secure of [false, true]) {
      const seen = await parse(
        encodeProxyV2(connection(client, local, { secure, uniqueId: "s1" })),
      );
      assert.equal(seen.command, "PROXY");
      assert.equal(seen.source, source);
      assert.equal(seen.destination, destination);
      assert.equal(
        new TextDecoder().decode(seen.tlvs.get(TLV_UNIQUE_ID)),
        "s1",
      );
      assert.equal(seen.tlvs.get(TLV_SSL)?.[0], secure ? 1 : undefined);
    }
  }
  assert.equal((await parse(encodeProxyV2(null))).command, "LOCAL");
});

/** What the tests' backend makes of a header; more or fewer bytes than the header has would show. */
async function parse(header: Uint8Array) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using client = await Deno.connect({
    hostname: "127.0.0.1",
    port: listener.addr.port,
  });
  using served = await listener.accept();
  const marker = new TextEncoder().encode("end\r\n");
  await client.write(Uint8Array.from([...header, ...marker]));
  const wire = new Wire(served);
  const seen = await readProxyHeader(wire);
  assert.deepEqual(await wire.readBytes(5), marker);
  return seen;
}
