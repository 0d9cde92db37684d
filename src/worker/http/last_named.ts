import type { WorkerSnapshot } from "../../port/snapshot.ts";
import type { RequestHead } from "../../protocols/http/request.ts";
import type { HttpRoute } from "../../route/http_routes.ts";
import type { WorkerCore } from "../core.ts";
import { accountOf } from "./routing.ts";

/** Whom the credentials of a connection's last request named: its next one mostly has the same. */
export class LastNamed {
  #snapshot: WorkerSnapshot | null = null;
  #rule: HttpRoute | null = null;
  #credentials: string | undefined;
  #account: string | null = null;

  /** As `accountOf`. */
  accountOf(
    core: WorkerCore,
    rule: HttpRoute,
    request: RequestHead,
    body: Uint8Array | null,
  ): string | null {
    if (rule.extract?.from !== "authorization") {
      return accountOf(core, rule, request, body);
    }
    const { snapshot } = core.generation;
    const credentials = request.fields.first("authorization");
    if (
      snapshot !== this.#snapshot || rule !== this.#rule ||
      credentials !== this.#credentials
    ) {
      this.#account = accountOf(core, rule, request, body);
      this.#snapshot = snapshot;
      this.#rule = rule;
      this.#credentials = credentials;
    }
    return this.#account;
  }
}
