/** The story of the demonstration: what is printed is what `--check` walks. */
import { runCtl } from "../cli/ctl.ts";
import { processIo } from "../cli/io.ts";
import { ALICE, type Ground } from "./ground.ts";
import { readFirstMail } from "./mail_client.ts";
import { HOST } from "./place.ts";

export interface Step {
  readonly title: string;
  /** To be pasted into a shell. */
  readonly command: string;
  /** Matches the command's output when it did what the title says. */
  readonly shows: RegExp;
  /** The same without a shell and curl; answers the output. */
  perform(): Promise<string>;
}

/** `program`: how this program is called in a shell. */
export function tellStory(ground: Ground, program: string): Step[] {
  const read = (title: string, shows: RegExp): Step => ({
    title,
    command: `${curl(ground)} -u ${ALICE.user}:${ALICE.password} \\\n` +
      `  'imaps://${HOST}:${ground.place.ports.imaps}/INBOX;MAILINDEX=1'`,
    shows,
    perform: () => readFirstMail(ground),
  });
  const ctl = (title: string, words: readonly string[], shows: RegExp) => ({
    title,
    command: [program, "ctl --config", quote(ground.configFile), ...words]
      .join(" "),
    shows,
    perform: () => runCtlStep(ground, words),
  });
  return [
    read("Alice's mail is on the old server.", /on the OLD server/),
    move(ground),
    read(
      "Her client asks again, and it comes from the new one.",
      /on the NEW server/,
    ),
    ctl("Ask why she is there.", ["explain", ALICE.user], /mapped to new/),
    ctl(
      "Move her back, with the command line this time.",
      ["mappings", "set", ALICE.user, "old"],
      /^ok\n$/,
    ),
  ];
}

function move(ground: Ground): Step {
  const { tokenFile, place } = ground;
  const query = `identifier=${ALICE.user}&destination=new`;
  return {
    title: "Move her to the new one.",
    command: `${curl(ground)} -X PUT \\\n` +
      `  -H "Authorization: Bearer $(cat ${quote(tokenFile)})" \\\n` +
      `  'https://${HOST}:${place.ports.admin}/mappings?${query}'`,
    shows: /^ok\n$/,
    perform: () => runCtlStep(ground, ["mappings", "set", ALICE.user, "new"]),
  };
}

/** A proxy that the environment names for the world outside must not get these. */
function curl({ certFile }: Ground): string {
  return `curl -sS --noproxy '*' --cacert ${quote(certFile)}`;
}

async function runCtlStep(
  { configFile }: Ground,
  words: readonly string[],
): Promise<string> {
  let output = "";
  const take = (text: string) => void (output += text);
  await runCtl(["--config", configFile, ...words], () => undefined, {
    ...processIo,
    out: take,
    err: take,
    isTerminal: () => false,
  });
  return output;
}

/** One word of a shell. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}
