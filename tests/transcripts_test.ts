/** Every transcript under tests/transcripts/PROTOCOL/ is a test. */
import { imap } from "../src/protocols/imap/imap.ts";
import { pop3 } from "../src/protocols/pop3/pop3.ts";
import { managesieve } from "../src/protocols/managesieve/managesieve.ts";
import { submission } from "../src/protocols/submission/submission.ts";
import type { LineProtocol } from "../src/protocols/protocol.ts";
import { parseTranscript, playTranscript } from "./support/transcript.ts";

const PROTOCOLS: Readonly<Record<string, LineProtocol>> = {
  imap,
  managesieve,
  pop3,
  submission,
};
const root = new URL("transcripts/", import.meta.url);

for (const [folder, protocol] of Object.entries(PROTOCOLS)) {
  const directory = new URL(`${folder}/`, root);
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
  for (const name of names.filter((name) => name.endsWith(".txt"))) {
    Deno.test(`${folder} transcript: ${name.slice(0, -4)}`, async () => {
      const text = await Deno.readTextFile(new URL(name, directory));
      await playTranscript(protocol, parseTranscript(text));
    });
  }
}
