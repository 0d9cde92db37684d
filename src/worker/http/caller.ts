import type { RequestHead } from "../../protocols/http/request.ts";
import type { HttpRoute } from "../../route/http_routes.ts";
import { byteText, textBytes } from "../../sasl/text.ts";
import type { WorkerCore } from "../core.ts";
import { accountOf } from "./routing.ts";

/** Longer credentials are read anew each time. */
const LENGTH_MAX = 4096;

/** Whose a connection's requests are: nearly always they come with the credentials of the one before. */
export class Caller {
  /** A rule belongs to one configuration. */
  #rule: HttpRoute | null = null;
  #credentials = "";
  #account: string | null = null;

  /** As `accountOf`, without reading the same credentials again. */
  account(
    core: WorkerCore,
    rule: HttpRoute,
    request: RequestHead,
    body: Uint8Array | null,
  ): string | null {
    const credentials = rule.extract?.from === "authorization"
      ? request.fields.first("authorization")
      : undefined;
    if (credentials === undefined || credentials.length > LENGTH_MAX) {
      return accountOf(core, rule, request, body);
    }
    if (rule !== this.#rule || credentials !== this.#credentials) {
      this.#account = accountOf(core, rule, request, body);
      this.#rule = rule;
      // Not the string itself, which keeps all of the head that it was cut from.
      this.#credentials = byteText(textBytes(credentials));
    }
    return this.#account;
  }
}
