/** `docs/runtime-api.md`, made from the table of commands. */
import { type Command, usageOf } from "./command.ts";
import { LONGEST_LINE, LONGEST_PAYLOAD } from "./conversation.ts";

const INTRODUCTION = `# Runtime socket

<!-- Made from src/runtime by \`deno task generate\`; change it there. -->

Plain text commands for socat, scripts and people, in the manner of HAProxy's Runtime API: the words are
the same where the things are. A listener is a *frontend*, a destination a *backend*, and each protocol
that a destination speaks, a leg, is a *server* in it, named by the protocol: \`old/imap\`.

## Enable it

\`\`\`toml
[[runtime.socket]]
path = "/run/mailferry/admin.sock"
group = "mailadmin"
mode = "660"
level = "admin"

[[runtime.socket]]
bind = "127.0.0.1:9999"
level = "user"
\`\`\`

Each entry is a UNIX socket (\`path\`, with \`user\`, \`group\` and \`mode\`) or an address (\`bind\`); all keys
are in [configuration.md](configuration.md#runtimesocket). Whoever may open the socket, or reaches the
address, may do what its \`level\` allows: nobody is asked for a password. An address other than loopback
has at most the level \`operator\`, and a warning, since what goes over it is not encrypted either; block it
with a firewall. A socket file that a dead process left is replaced; where a live one answers, the start
or the reload is refused.

| level | |
|---|---|
| \`user\` | counters, without accounts and addresses of backends |
| \`operator\` | everything can be read but secrets, which nobody reads here; sessions can be ended (the default) |
| \`admin\` | mappings too, and whatever else can be set at run time |

## Use it

\`\`\`console
$ echo "show info;show stat" | socat stdio unix-connect:/run/mailferry/admin.sock
$ echo "help" | socat stdio tcp4-connect:127.0.0.1:9999
\`\`\`

One line is read, its commands are run in their order, each answer ends with an empty line, and the
connection is closed. \`prompt\` keeps it open, for people and for scripts that ask often:

\`\`\`console
$ socat readline unix-connect:/run/mailferry/admin.sock
prompt

> show cli level
admin

> quit
\`\`\`

- Commands are separated by \`;\`, words by blanks. A backslash takes the meaning from the character behind
  it: \`\\;\`, \`\\ \`, \`\\\\\`. Quotation marks have no meaning.
- A last word \`<<\` says that a payload follows, up to an empty line; after \`<<END\` (at most 7 characters) up
  to a line \`END\`, so that it may hold empty ones. It belongs to the last command of the line.
- A line may have ${LONGEST_LINE} bytes, a payload ${LONGEST_PAYLOAD}. NUL bytes and what is not UTF-8 are
  refused. A last line without its end is not run.
- Without a line for 10 seconds the connection is closed, with a prompt after 10 minutes;
  \`set timeout cli\` changes that. Who does not read an answer for so long is dropped, and another client
  of the same socket that does not read at that moment may be.
- 64 connections at once are served on each socket; others wait until one ends.
- Errors are in HAProxy's words where scripts look for them: \`Unknown command\`, \`Permission denied\`.

Every command that changes something leaves an audit line: the socket, its level, the client's address
where there is one, and the result, with accounts shortened. \`packaging/mailferry-runtime.bash\` has a shell
function \`mailferry_runtime\` that sends its arguments to a socket, with completion.

## Commands

| command | level | |
|---|---|---|
`;

/** What HAProxy has and this proxy answers with "Unknown command", with the reason. */
const ABSENT: readonly (readonly [string, string])[] = [
  [
    "`expert-mode`, `experimental-mode`, `debug`, `show fd`, `show libs`, `show pools`, `show profiling`, `set profiling`, `show tasks`, `show threads`, `show trace`, `show ssl providers`",
    "internals of HAProxy; `show activity` has what there is of this proxy's",
  ],
  [
    "`get weight`, `set weight`, `set server … weight`",
    "a destination has one server for each protocol: nothing is balanced",
  ],
  [
    "`enable agent`, `disable agent`, `set server … agent*`",
    "there are no agent checks",
  ],
  [
    "`enable health`, `disable health`",
    "nothing but logins tells whether a leg works: `set server … health` says what its breaker takes for true",
  ],
  ["`set maxconn server`", "destinations have no limit of their own"],
  [
    "`set rate-limit sessions`, `set rate-limit ssl-sessions`",
    "each connection is one session: `set rate-limit connections`",
  ],
  [
    "`show info desc`, `show info float`, `show stat desc`",
    "the forms that programs read have no descriptions, and no fractions",
  ],
  ["`show table`, `set table`, `clear table`", "see `GET /limits`"],
  ["`show peers`", "proxies share no state"],
  [
    "`add backend`, `del backend`, `add server`, `del server`, `set server … fqdn`, `… ssl`, `… check-*`",
    "destinations are changed by the configuration API, so that a restart knows of them",
  ],
  ["`httpclient`", "`probe`, in the protocol of each leg"],
  ["`show startup-logs`", "`show events log`"],
  ["`show schema json`", "the JSON forms have HAProxy's"],
  ["`dump stats-file`", "counters begin anew with the process"],
  [
    "`add ssl crt-list`, `del ssl crt-list`, `show ssl crt-list`, `show ssl sni`",
    "the names of a certificate are those in it, or its `subjects`",
  ],
  [
    "`acme`, `show ssl ech`, `add ssl jwt`, `show quic`",
    "nothing of the kind is done here",
  ],
  [
    "`show resolvers`",
    "names are resolved by the system's resolver at each dial",
  ],
  [
    "`dump ssl cert`, `show tls-keys`, `set ssl tls-key`",
    "keys are never shown, and the runtime keeps its ticket keys to itself",
  ],
  [
    "`show ssl ocsp-response`, `set ssl ocsp-response`, `update ssl ocsp-response`, `show ssl ocsp-updates`",
    "the runtime cannot staple",
  ],
  [
    "`enable dynamic-cookie`, `disable dynamic-cookie`, `set dynamic-cookie-key`, `get var`, `set var`, `show cache`, `set rate-limit http-compression`",
    "belong to HTTP",
  ],
];

/** The page as Markdown. */
export function runtimeReference(commands: readonly Command[]): string {
  const rows = commands.map((command) =>
    `| [\`${usageOf(command).replaceAll("|", "\\|")}\`](#${
      anchor(command)
    }) | ${command.level} | ${escaped(command.help)} |\n`
  );
  const absent = ABSENT.map(([what, why]) => `| ${what} | ${why} |\n`);
  return INTRODUCTION + rows.join("") + commands.map(section).join("") +
    "\n## What HAProxy has besides\n\n| | |\n|---|---|\n" + absent.join("");
}

function section(command: Command): string {
  const more = command.description === undefined
    ? ""
    : ` ${command.description}`;
  const audit = command.changes ? " Audited." : "";
  return `\n### ${command.words.join(" ")}\n\n\`${
    usageOf(command)
  }\` (${command.level})\n\n${sentence(command.help)}${more}${audit}\n`;
}

const sentence = (text: string) =>
  `${text.slice(0, 1).toUpperCase()}${escaped(text.slice(1))}.`;

/** As Markdown renderers make them from headings. */
const anchor = ({ words }: Command) => words.join("-");

const escaped = (text: string) => text.replace(/[|<]/g, "\\$&");
