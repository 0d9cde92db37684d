/** Credentials as a fake backend reads them from a login command. */

export interface SeenCredentials {
  readonly mechanism: string;
  readonly authcid: string;
  readonly authzid: string;
  /** Password or token. */
  readonly secret: string;
}

/** The arguments of LOGIN as atoms or quoted strings. */
export function loginCredentials(command: string): SeenCredentials {
  const [, user, secret] = [
    ...command.matchAll(/"((?:[^"\\]|\\.)*)"|([^ "]+)/g),
  ].map((m) => m[1]?.replace(/\\(.)/g, "$1") ?? m[2] ?? "");
  return {
    mechanism: "LOGIN",
    authcid: user ?? "",
    authzid: "",
    secret: secret ?? "",
  };
}

/** A base64 initial response of PLAIN, OAUTHBEARER (RFC 7628) or XOAUTH2. */
export function saslCredentials(
  mechanism: string,
  response: string,
): SeenCredentials {
  const text = new TextDecoder().decode(
    Uint8Array.fromBase64(response === "=" ? "" : response),
  );
  if (mechanism.toUpperCase() === "PLAIN") {
    const [authzid = "", authcid = "", secret = ""] = text.split("\0");
    return { mechanism, authcid, authzid, secret };
  }
  const fields = text.split("\u0001");
  const after = (name: string) =>
    fields.find((field) => field.startsWith(name))?.slice(name.length) ?? "";
  return {
    mechanism,
    // OAUTHBEARER puts the user into the GS2 header: `n,a=user,`.
    authcid: after("user=") || (/,a=([^,]*)/.exec(fields[0] ?? "")?.[1] ?? ""),
    authzid: "",
    secret: after("auth=Bearer "),
  };
}
