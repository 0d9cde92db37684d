/** Rules about what the proxy says before login, and the management API's token. */
import { isOwnCapability } from "../effective.ts";
import { adminTokenOf } from "../environment.ts";
import { MAIN_TOKEN } from "../tokens.ts";
import type { Rule } from "./rule.ts";

const SASL_PROTOCOLS = ["imap", "pop3", "managesieve", "submission"] as const;

export const saslTwice: Rule = (draft, issues) => {
  for (const protocol of SASL_PROTOCOLS) {
    const list = draft.capabilities?.[protocol]?.sasl ?? [];
    list.forEach((mechanism, i) => {
      if (list.indexOf(mechanism) < i) {
        issues.problem(
          ["capabilities", protocol, "sasl", i],
          `${mechanism} is named twice`,
        );
      }
    });
  }
};

export const ownCapabilities: Rule = (draft, issues) => {
  const { imap, submission } = draft.capabilities ?? {};
  const lists = [
    ["imap", "advertise", imap?.advertise],
    ["submission", "ehlo", submission?.ehlo],
  ] as const;
  for (const [protocol, key, words] of lists) {
    if (!Array.isArray(words)) continue;
    words.forEach((word, i) => {
      if (isOwnCapability(word)) {
        issues.warn(
          ["capabilities", protocol, key, i],
          `${word} is added where it applies and ignored here`,
        );
      }
    });
  }
};

/** Token sources that need no file; the file's token is checked when it is read. */
export const adminToken: Rule = (draft, issues, env) => {
  const { admin } = draft;
  if (admin === undefined) return;
  const fromEnv = adminTokenOf(env);
  if (fromEnv !== undefined) {
    const fault = tokenFault(fromEnv, admin.min_token_len);
    if (fault !== null) issues.problem(["admin"], `PROXY_ADMIN_TOKEN ${fault}`);
  } else if (admin.bearer_token_file === undefined) {
    if (admin.bearer_token === undefined) {
      if (admin.token?.some(({ role }) => role === "admin")) return;
      issues.problem(
        ["admin"],
        "a token is required: set bearer_token_file, bearer_token or PROXY_ADMIN_TOKEN, or give an [[admin.token]] the role admin",
      );
    } else {
      const fault = tokenFault(admin.bearer_token, admin.min_token_len);
      if (fault !== null) issues.problem(["admin", "bearer_token"], fault);
    }
  }
};

/** `[[admin.token]]`, as far as it can be judged without the tokens. */
export const adminTokens: Rule = ({ admin }, issues) => {
  const names: (string | undefined)[] = [MAIN_TOKEN];
  for (const [i, { name, file, hash }] of (admin?.token ?? []).entries()) {
    const path = ["admin", "token", i];
    if (name !== undefined && names.includes(name)) {
      issues.problem(
        [...path, "name"],
        name === MAIN_TOKEN
          ? `${name} is the token of bearer_token, bearer_token_file or PROXY_ADMIN_TOKEN: choose another name`
          : `${name} is named twice`,
      );
    }
    names.push(name);
    if (file !== undefined && hash !== undefined) {
      issues.problem(path, "has file and hash: one of them says the token");
    }
  }
};

/** Why a token cannot be used, without showing it; null when it can. */
export function tokenFault(
  token: string,
  minLength: number | undefined,
): string | null {
  if (!/^[\x21-\x7e]*$/.test(token)) {
    return "must have visible ASCII characters only, since it travels in a header";
  }
  if (minLength !== undefined && token.length < minLength) {
    return `is too short: ${token.length} characters, min_token_len is ${minLength}`;
  }
  return null;
}
