/** Certificates, authorities and revocation lists, replaced by transactions. */
import type { SslKind } from "../../control/api_ssl.ts";
import { type Command, CommandError } from "../command.ts";

const KINDS: readonly [SslKind, string][] = [
  ["cert", "certificate"],
  ["ca-file", "CA"],
  ["crl-file", "CRL"],
];

/** Of one kind of file. */
function commandsOf([kind, what]: (typeof KINDS)[number]): Command[] {
  const name = { text: "<name>" };
  const entry = kind === "cert"
    ? "[tls.certificate.NAME]"
    : "[destination.NAME]";
  return [
    {
      words: ["new", "ssl", kind],
      args: [name],
      level: "admin",
      changes: true,
      help: `create a new ${what} file to be used in a transaction`,
      run: ({ control, args }) => control.ssl.create(kind, args[0]!),
    },
    {
      words: ["set", "ssl", kind],
      args: [name, { text: "<payload>", secret: true }],
      payload: true,
      level: "admin",
      changes: true,
      help: `replace a ${what} file in a transaction`,
      description:
        `PEM as a payload; what is named is \`${entry}\`, or the path of its file, which means all that name it. Nothing is in force before \`commit ssl ${kind}\`.`,
      run({ control, args: [name, text], payload }) {
        if (
          name === undefined || (payload === null) !== (text !== undefined)
        ) {
          throw new CommandError(
            `'set ssl ${kind}' expects a name and PEM as a payload.`,
          );
        }
        return control.ssl.set(kind, name, payload ?? text!);
      },
    },
    {
      words: ["commit", "ssl", kind],
      args: [name],
      level: "admin",
      changes: true,
      help: `commit a ${what} file: it counts from the next handshake on`,
      description:
        "Kept over a restart, and listed by `mailferry ctl overrides`.",
      run: ({ control, args, by }) => control.ssl.commit(kind, args[0]!, by),
    },
    {
      words: ["abort", "ssl", kind],
      args: [name],
      level: "admin",
      changes: true,
      help: `abort a transaction for a ${what} file`,
      run: ({ control, args }) => control.ssl.abort(kind, args[0]!),
    },
    {
      words: ["del", "ssl", kind],
      args: [name],
      level: "admin",
      changes: true,
      help: `delete a ${what} file that the configuration does not have`,
      run: ({ control, args, by }) => control.ssl.remove(kind, args[0]!, by),
    },
    {
      words: ["show", "ssl", kind],
      args: [{ ...name, optional: true }],
      level: "operator",
      help: `display the ${what} files, or one of them in full`,
      description:
        "`*NAME` shows what its transaction has; `NAME:2` its second part.",
      run: ({ control, args }) => control.ssl.show(kind, args[0]),
    },
  ];
}

export const sslCommands: readonly Command[] = KINDS.flatMap(commandsOf);
