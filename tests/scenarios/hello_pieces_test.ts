/** Clients whose ClientHello does not come in one piece, as those with long ones over slow networks. */
import assert from "node:assert/strict";
import { writeAll } from "../../src/net/byte_stream.ts";
import { LineReader } from "../../src/net/line_reader.ts";
import { Mailferry } from "../support/mailferry.ts";
import { type Cut, CUTS, longer, startTlsInPieces } from "../support/pieces.ts";
import { destination, Ground, type Table } from "../support/proxy_config.ts";
import { within } from "../support/wait.ts";

const encoder = new TextEncoder();

/** Connect to a listener, shake hands for this name in these pieces, and have a NOOP answered. */
async function served(
  proxy: Mailferry,
  listener: string,
  cut: Cut,
  hostname: string,
): Promise<void> {
  const outer = await Deno.connect({
    hostname: "127.0.0.1",
    port: proxy.listener(listener).port,
  });
  outer.setNoDelay(true);
  const lineOf = async (reader: LineReader): Promise<string> => {
    const line = await within("a line", reader.readLine(1000));
    return new TextDecoder().decode(line?.bytes);
  };
  if (listener === "imap") {
    const clear = new LineReader(outer);
    assert.match(await lineOf(clear), /^\* OK/);
    await writeAll(outer, encoder.encode("a1 STARTTLS\r\n"));
    assert.match(await lineOf(clear), /^a1 OK/);
  }
  await using client = await startTlsInPieces(outer, cut, {
    hostname,
    alpnProtocols: longer(2000),
    caCerts: [proxy.ca],
  });
  const reader = new LineReader(client.conn);
  if (listener === "imaps") assert.match(await lineOf(reader), /^\* OK/);
  await writeAll(client.conn, encoder.encode("a2 NOOP\r\n"));
  assert.match(await lineOf(reader), /^a2 OK/);
}

/** A proxy that shows these names, each in a certificate of its own. */
async function showing(ground: Ground, names: string[]): Promise<Mailferry> {
  const certificate: Record<string, Table> = {};
  for (const name of names) {
    const file = name.replace(".", "-");
    const issued = await ground.authority.issue([name], { file });
    certificate[file] = { cert: issued.certFile, key: issued.keyFile };
  }
  return await Mailferry.start({
    ground,
    config: {
      destination: { old: destination(1, "plain") },
      tls: { certificate },
    },
  });
}

Deno.test("a hello in pieces is answered with the certificate of its name, from the first byte and after STARTTLS", async () => {
  await using ground = await Ground.create();
  await using proxy = await showing(ground, ["a.test", "b.test"]);
  for (const [way, cut] of Object.entries(CUTS)) {
    for (const [listener, name] of [["imaps", "a.test"], ["imap", "b.test"]]) {
      await served(proxy, listener!, cut, name!).catch((cause) => {
        throw new Error(`${listener}, ${way}`, { cause });
      });
    }
  }
});
