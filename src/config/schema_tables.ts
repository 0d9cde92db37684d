/** `[acl.NAME]` and `[map.NAME]`: lists and tables that are kept beside the configuration. */
import { z } from "zod";
import { cidr, expected, filePath, key } from "./scalars.ts";

export const aclSchema = z.object({
  entries: key(
    z.array(cidr(), expected("a list of address ranges")).prefault([]),
    {
      description:
        "Address ranges of the list. IPv4 addresses are found in IPv4 ranges only.",
    },
  ),
  file: key(filePath().optional(), {
    description:
      "A file with one more address range on each line, read again at each reload; empty lines and what follows a `#` are ignored.",
    unset: "`entries` alone",
  }),
});

export const mapSchema = z.object({
  file: key(filePath(), {
    description:
      "A file with a key, white space and a value on each line, read again at each reload; empty lines and lines that begin with `#` are ignored. A value may have blanks in it.",
  }),
});
