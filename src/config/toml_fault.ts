import type { TomlError } from "smol-toml";

/** The parser's first line only: what follows quotes the file, and with it perhaps a secret. */
export function tomlFault(error: TomlError): string {
  const first = error.message.split("\n")[0]!.replace(
    /^Invalid TOML document: /,
    "",
  );
  return `not valid TOML: ${first} (column ${error.column})`;
}
