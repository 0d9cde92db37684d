/** `packaging/mailferry-runtime.bash`, made from the table of commands. */
import type { Command } from "./command.ts";

const HEAD =
  `# mailferry's runtime socket from bash, with completion of its commands. Source it:
#   . mailferry-runtime.bash
#   mailferry_runtime show stat
# The socket is MAILFERRY_SOCKET, or /run/mailferry/admin.sock. Needs socat.
# Made from src/runtime by \`deno task generate\`; change it there.

mailferry_runtime() {
  printf '%s\\n' "$*" |
    socat -t 600 stdio "unix-connect:\${MAILFERRY_SOCKET:-/run/mailferry/admin.sock}"
}

`;

const TAIL = `
_mailferry_runtime() {
  local before="> \${COMP_WORDS[*]:1:COMP_CWORD-1}" word="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "\${_mailferry_runtime_words[$before]}" -- "$word"))
}

complete -F _mailferry_runtime mailferry_runtime
`;

/** The script. What may follow each beginning of a command is in one table. */
export function runtimeCompletion(commands: readonly Command[]): string {
  const following = new Map<string, Set<string>>();
  for (const { words, args = [] } of commands) {
    const offer = (before: readonly string[], word: string) => {
      const key = before.join(" ");
      following.set(key, (following.get(key) ?? new Set()).add(word));
    };
    words.forEach((word, i) => offer(words.slice(0, i), word));
    const first = args[0];
    for (const choice of first ? choicesOf(first.text) : []) {
      offer(words, choice);
    }
  }
  const rows = [...following].map(([before, words]) =>
    `  ["> ${before}"]="${[...words].join(" ")}"\n`
  );
  return `${HEAD}declare -A _mailferry_runtime_words=(\n${
    rows.join("")
  })\n${TAIL}`;
}

/** The words among the choices of an argument. */
function choicesOf(text: string): string[] {
  return text.replace(/^\{|\}$/g, "").split("|")
    .filter((choice) => /^-?[a-z-]+$/.test(choice));
}
