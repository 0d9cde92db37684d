import assert from "node:assert/strict";
import { MemoryStream } from "../../tests/support/memory_stream.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import { LineReader } from "./line_reader.ts";
import {
  type ProxyHeader,
  ProxyHeaderInvalid,
  readProxyHeader,
} from "./proxy_inbound.ts";
import { encodeProxyV2 } from "./proxy_v2.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const REST = "a1 NOOP\r\n";

const bytes = (text: string) =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

/** A header of version 2 from hexadecimal digits; its length is worked out. */
function v2(how: string, what: string, body = ""): Uint8Array {
  const length = (body.length / 2).toString(16).padStart(4, "0");
  return Uint8Array.fromHex(SIGNATURE + how + what + length + body);
}

/** What comes of these bytes, and that nothing behind a header is read with it. */
async function parse(
  header: string | Uint8Array,
  piece: () => number = () => Infinity,
): Promise<ProxyHeader | null> {
  const head = typeof header === "string" ? bytes(header) : header;
  const all = new Uint8Array([...head, ...bytes(REST)]);
  const reader = new LineReader(new MemoryStream(all, piece));
  const found = await readProxyHeader(reader);
  const left = await reader.readBytes(
    found === null ? all.length : REST.length,
  );
  assert.deepEqual(left, found === null ? all : bytes(REST));
  assert.equal((await reader.peek(1)).length, 0);
  return found;
}

const rejects = (header: string | Uint8Array, why: RegExp) =>
  assert.rejects(parse(header), (error) => {
    assert.ok(error instanceof ProxyHeaderInvalid, String(error));
    assert.match(error.message, why);
    return true;
  });

const FOUR = {
  kind: "proxied",
  client: { hostname: "192.0.2.1", port: 56324 },
  local: { hostname: "198.51.100.11", port: 443 },
};
const FOUR_V2 = "c0000201" + "c633640b" + "dc04" + "01bb";

Deno.test("readProxyHeader takes the forms of version 1", async () => {
  const line = "PROXY TCP4 192.0.2.1 198.51.100.11 56324 443\r\n";
  assert.deepEqual(await parse(line), FOUR);
  assert.deepEqual(await parse(line, () => 1), FOUR);
  // The longest one of the specification: 107 bytes.
  const ffff = Array(8).fill("ffff").join(":");
  const longest = `PROXY UNKNOWN ${ffff} ${ffff} 65535 65535\r\n`;
  assert.equal(longest.length, 107);
  for (const text of ["PROXY UNKNOWN\r\n", longest]) {
    assert.deepEqual(await parse(text), { kind: "unnamed" });
  }
  assert.deepEqual(
    await parse(`PROXY TCP6 ${ffff} 2001:DB8::0:1 0 65535\r\n`),
    {
      kind: "proxied",
      client: { hostname: ffff, port: 0 },
      local: { hostname: "2001:db8::1", port: 65535 },
    },
  );
  const mapped = await parse("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n");
  assert.equal(
    mapped?.kind === "proxied" && mapped.client.hostname,
    "192.0.2.1",
  );
});

Deno.test("readProxyHeader refuses everything else that begins like version 1", async () => {
  const malformed = [
    "PROXY TCP4 192.0.2.1 198.51.100.11 56324\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.11 56324 443 \r\n",
    "PROXY  TCP4 192.0.2.1 198.51.100.11 56324 443\r\n",
    "PROXY UDP4 192.0.2.1 198.51.100.11 56324 443\r\n",
    "PROXY tcp4 192.0.2.1 198.51.100.11 56324 443\r\n",
    "PROXY \r\n",
  ];
  for (const text of malformed) await rejects(text, /^malformed version 1/);
  const addresses = [
    "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY TCP4 192.0.2.256 198.51.100.11 1 2\r\n",
    "PROXY TCP4 192.0.2.1 localhost 1 2\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
  ];
  for (const text of addresses) await rejects(text, /^no TCP[46] address/);
  for (const port of ["65536", "-1", "01", "", "1e3", "+1"]) {
    await rejects(`PROXY TCP4 192.0.2.1 192.0.2.2 ${port} 2\r\n`, /^no port/);
  }
  await rejects("PROXY UNKNOWN\n", /^no CRLF/);
  await rejects(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`, /longer than 107/);
  await rejects(`PROXY ${"x".repeat(5000)}`, /longer than 107/);
});

Deno.test("readProxyHeader takes the forms of version 2", async () => {
  assert.deepEqual(await parse(v2("21", "11", FOUR_V2)), FOUR);
  assert.deepEqual(await parse(v2("21", "11", FOUR_V2), () => 1), FOUR);
  const six = "20010db8000000000000000000000001";
  assert.deepEqual(await parse(v2("21", "21", six + six + "00010002")), {
    kind: "proxied",
    client: { hostname: "2001:db8::1", port: 1 },
    local: { hostname: "2001:db8::1", port: 2 },
  });
  const unix = "00".repeat(216);
  for (
    const unnamed of [
      v2("20", "00"),
      v2("20", "11", FOUR_V2),
      v2("20", "ff", "010203"),
      v2("21", "00"),
      v2("21", "31", unix),
      v2("21", "32", unix),
      v2("21", "12", FOUR_V2),
    ]
  ) assert.deepEqual(await parse(unnamed), { kind: "unnamed" });
});

Deno.test("readProxyHeader keeps UNIQUE_ID and passes over other fields", async () => {
  const unknown = "e00001ff" + "040000";
  const take = async (field: string) =>
    (await parse(v2("21", "11", FOUR_V2 + unknown + field + unknown)))
      ?.uniqueId;
  assert.equal(await take("050003" + "61622d"), "ab-");
  assert.equal(await take("050002" + "0a41"), "0a41", "hexadecimal");
  assert.equal(await take(""), undefined);
  await rejects(
    v2("21", "11", FOUR_V2 + "050081" + "61".repeat(129)),
    /longer than 128/,
  );
  for (const field of ["05", "0500", "050001", "e0ffff00"]) {
    await rejects(v2("21", "11", FOUR_V2 + field), /runs over its end/);
  }
});

Deno.test("readProxyHeader refuses versions, commands, families and lengths that it does not know", async () => {
  for (const version of ["01", "11", "31", "f1"]) {
    await rejects(v2(version, "11", FOUR_V2), /^version \d+ is not known/);
  }
  await rejects(v2("22", "11", FOUR_V2), /^command 2 is not known/);
  for (const family of ["41", "13", "ff"]) {
    await rejects(v2("21", family, FOUR_V2), /^family 0x.. is not known/);
  }
  await rejects(v2("21", "11", FOUR_V2.slice(2)), /too short/);
  await rejects(v2("21", "21", FOUR_V2), /too short/);
  await rejects(v2("21", "31", FOUR_V2), /too short/);
  const long = FOUR_V2 + "e0" + "07f1" + "00".repeat(2033);
  assert.deepEqual(await parse(v2("21", "11", long)), FOUR, "2048 bytes");
  await rejects(v2("21", "11", long + "00"), /^2049 bytes are more than 2048/);
  await rejects(v2("20", "00", long + "00"), /^2049 bytes are more than 2048/);
});

Deno.test("readProxyHeader takes every truncation for one, at whatever byte", async () => {
  const headers = [
    bytes("PROXY TCP4 192.0.2.1 198.51.100.11 56324 443\r\n"),
    v2("21", "11", FOUR_V2 + "0500026162"),
  ];
  for (const header of headers) {
    for (let cut = 1; cut < header.length; cut++) {
      const stream = new MemoryStream(header.slice(0, cut), () => 3);
      await assert.rejects(
        readProxyHeader(new LineReader(stream)),
        /^ProxyHeaderInvalid: truncated$/,
        `cut at ${cut}`,
      );
    }
  }
  assert.equal(
    await readProxyHeader(new LineReader(new MemoryStream(new Uint8Array(0)))),
    null,
  );
});

Deno.test("readProxyHeader leaves other beginnings unread", async () => {
  const others = [
    "a1 LOGIN x y\r\n",
    "PROXIES\r\n",
    "PROXY\r\n",
    "\r\n\r\nEHLO\r\n",
    "\r\n\r\n\0\r\nQUIT\r",
    "\x16\x03\x01",
  ];
  for (const text of others) {
    assert.equal(await parse(text), null, JSON.stringify(text));
    assert.equal(await parse(text, () => 1), null, JSON.stringify(text));
  }
});

Deno.test("readProxyHeader reads what encodeProxyV2 writes", async () => {
  const local = { hostname: "2001:db8::2", port: 993 };
  for (const hostname of ["192.0.2.7", "2001:db8::7"]) {
    const client = { hostname, port: 40000 };
    const header = encodeProxyV2({
      client,
      local,
      uniqueId: "k3v9",
      secure: true,
    });
    const expected = { kind: "proxied", client, local, uniqueId: "k3v9" };
    assert.deepEqual(await parse(header), expected);
  }
  assert.deepEqual(await parse(encodeProxyV2(null)), { kind: "unnamed" });
});

Deno.test("readProxyHeader ends with a header, none, or a refusal, whatever comes", async () => {
  const seed = 20260102;
  const random = new SeededRandom(seed);
  for (let round = 0; round < 3000; round++) {
    const header = random.next() < 0.5
      ? bytes("PROXY TCP4 192.0.2.1 198.51.100.11 56324 443\r\n")
      : v2("21", random.pick(["11", "21", "31"]), "00".repeat(240));
    const input = header.slice(0, random.below(header.length + 1));
    for (let i = random.below(4); i > 0 && input.length > 0; i--) {
      input[random.below(input.length)] = random.below(256);
    }
    const stream = new MemoryStream(input, () => 1 + random.below(40));
    try {
      await readProxyHeader(new LineReader(stream));
    } catch (error) {
      const where = `seed ${seed}, round ${round}: ${error}`;
      assert.ok(error instanceof ProxyHeaderInvalid, where);
    }
  }
});
