/** `[capabilities.P]` and `[oauth]`: what the proxy says of itself before login. */
import { z } from "zod";
import type { Mechanism } from "../port/snapshot.ts";
import { expected, flag, key, lineText, text } from "./scalars.ts";

const MECHANISMS = [
  "PLAIN",
  "LOGIN",
  "OAUTHBEARER",
  "XOAUTH2",
] as const satisfies readonly Mechanism[];

/** Names are compared without regard to case (RFC 4422 3.1 has them in upper case) and put out in upper case. */
const mechanism = z.string(expected("the name of a SASL mechanism")).transform(
  (value, context): Mechanism => {
    const found = MECHANISMS.find((name) => name === value.toUpperCase());
    if (found !== undefined) return found;
    context.issues.push({
      code: "custom",
      message: `unknown SASL mechanism: must be one of ${
        MECHANISMS.join(", ")
      }`,
      input: value,
    });
    return z.NEVER;
  },
);

const sasl = () =>
  key(
    z.array(mechanism, expected("a list of SASL mechanisms"))
      .prefault([...MECHANISMS]),
    { description: "SASL mechanisms that are offered and accepted." },
  );

const plainWithoutTls = () =>
  key(flag().prefault(false), {
    description:
      "Accept passwords on connections without TLS. Meant for trusted networks only.",
  });

const banner = (fallback: string) =>
  key(lineText().prefault(fallback), {
    description: "Text of the greeting.",
  });

/** One capability with its parameters as it goes out on the wire. */
const word = () =>
  text(
    "a capability, 1 to 200 visible ASCII characters",
    (value) => /^[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?$/.test(value),
  );

/** So little that hardly any backend lacks some of it (spec section 4). */
export const DEFAULT_ADVERTISE: readonly string[] = [
  "IMAP4rev1",
  "SASL-IR",
  "LITERAL+",
  "ID",
];

const imapSchema = z.object({
  banner: banner("IMAP server ready"),
  advertise: key(
    z.union([
      z.literal("probe"),
      z.array(
        text(
          "a capability without spaces",
          (value) => /^[\x21-\x7e]{1,200}$/.test(value),
        ),
      ),
    ], expected('a list of capabilities, or "probe"'))
      .prefault([...DEFAULT_ADVERTISE]),
    {
      description:
        'Capabilities before login; AUTH=, STARTTLS and LOGINDISABLED are added as they apply. "probe" takes what all destinations offer.',
    },
  ),
  sasl: sasl(),
  allow_plain_auth_without_tls: plainWithoutTls(),
});

const pop3Schema = z.object({
  banner: banner("POP3 server ready"),
  sasl: sasl(),
  allow_plain_auth_without_tls: plainWithoutTls(),
});

const managesieveSchema = z.object({
  implementation: key(lineText().prefault("mailferry"), {
    description: "Value of IMPLEMENTATION.",
  }),
  sieve: key(
    // Servers print their extensions as one string with spaces; both forms are taken.
    z.union([
      z.array(word()),
      lineText().transform((value) => value.trim().split(/ +/)),
    ], expected("a list of Sieve extensions"))
      .prefault(["fileinto", "envelope", "vacation"]),
    { description: "Sieve extensions that are announced before login." },
  ),
  sasl: sasl(),
  allow_plain_auth_without_tls: plainWithoutTls(),
});

const submissionSchema = z.object({
  banner: banner("ESMTP ready"),
  ehlo: key(
    z.array(word(), expected("a list of EHLO keywords"))
      .prefault(["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"]),
    {
      description:
        "EHLO keywords; AUTH and STARTTLS are added as they apply. The client goes by these after the login too, so name only what all backends have.",
    },
  ),
  sasl: sasl(),
  allow_plain_auth_without_tls: plainWithoutTls(),
});

const smtpSchema = z.object({
  ehlo: key(
    z.array(
      text(
        "one of PIPELINING, ENHANCEDSTATUSCODES, 8BITMIME, SIZE (with or without a number of bytes), SMTPUTF8, DSN and CHUNKING",
        (value) =>
          /^(PIPELINING|ENHANCEDSTATUSCODES|8BITMIME|SMTPUTF8|DSN|CHUNKING|SIZE( [0-9]{1,15})?)$/
            .test(value),
      ),
      expected("a list of EHLO keywords"),
    ).prefault(["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE"]),
    {
      description:
        "EHLO and LHLO keywords. One that a destination was seen without is left out from then on. CHUNKING is there for those who name it.",
    },
  ),
});

export const capabilitiesSchema = z.object({
  imap: key(imapSchema.prefault({}), { description: "IMAP." }),
  pop3: key(pop3Schema.prefault({}), { description: "POP3." }),
  managesieve: key(managesieveSchema.prefault({}), {
    description: "ManageSieve.",
  }),
  submission: key(submissionSchema.prefault({}), {
    description: "Submission.",
  }),
  smtp: key(smtpSchema.prefault({}), {
    description: 'smtp and lmtp listeners with `route = "recipient"`.',
  }),
});

export const oauthSchema = z.object({
  jwt_username_claim: key(
    text("the name of a claim", (value) => value.length > 0).prefault("email"),
    {
      description:
        "Claim of a JSON web token that names the account, asked first.",
    },
  ),
});
