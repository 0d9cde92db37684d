import { LineReader } from "../../src/net/line_reader.ts";

/** What a client sends first to a server that never answers. */
export async function helloOf(
  start: (port: number) => Promise<unknown>,
): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const started = start(listener.addr.port).catch(() => {});
  using client = await listener.accept();
  const reader = new LineReader(client);
  const head = (await reader.readBytes(5))!;
  const body = (await reader.readBytes(head[3]! * 256 + head[4]!))!;
  client.close();
  await started;
  return Uint8Array.from([...head, ...body]);
}
